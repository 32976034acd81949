//! Exit codes, and where what is printed goes.
use crate::support::Home;
use insta::assert_snapshot;

#[test]
fn wrong_usage_is_exit_code_2() {
    let home = Home::new();
    for args in [
        ["frobnicate"].as_slice(),
        &["plan"],
        &["reconcile"],
        &["reconcile", "shop", "--timeout", "0"],
        &["status", "-o", "xml"],
        &["agent", "--state", "x", "-o", "json"],
        &["connect", "--name", "north"],
        &["connect", "--name", "a/b", "-g", "shops"],
        &["connect", "--name", "north", "-g", "shops", "--no-install"],
        &["connect", "--name", "north", "-g", "shops", "--manifests", "-", "--chart", "x"],
        &["connect", "--name", "north", "-g", "shops", "--timeout", "0"],
        &["disconnect"],
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        assert!(
            ran.stdout.is_empty() && ran.stderr.contains("Usage:") | ran.stderr.contains("--help"),
            "{}",
            ran.stderr
        );
    }
    assert_snapshot!(home.run(&["reconcle", "shop"]).stderr, @r#"
    error: unrecognized subcommand 'reconcle'

      tip: some similar subcommands exist: 'render', 'reconcile'

    Usage: arcwright [OPTIONS] <COMMAND>

    For more information, try '--help'.
    "#);
}

#[test]
fn help_names_every_command() {
    assert_snapshot!(Home::new().run(&["--help"]).stdout, @r#"
    A GitOps agent for Kubernetes

    Usage: arcwright [OPTIONS] <COMMAND>

    Commands:
      agent        Run the agent: keep the cluster as state files, custom resources and a control plane say
      plan         Show, per object, what would change and why
      diff         Show the lines that would change, Secret values masked
      prune        Show what would be deleted, with --dry-run
      reconcile    Ask a running agent to fetch and reconcile a configuration at once
      suspend      Ask a running agent to leave a configuration as it is, until it is resumed
      resume       Ask a running agent to go on with a configuration
      render       Print what `kustomize build DIR` prints
      validate     Check state files: file, line, column, field, hint
      status       Show where the configurations stand
      get          Show one configuration in full, or all of them
      tree         Show the objects of a configuration, with outcome and health
      events       Show what the agent told the cluster about its configurations
      hub          Run a control plane: the resources of Azure Arc-enabled Kubernetes, without Azure
      connect      Connect a cluster to a control plane: checks first, then its resource, then the agents
      disconnect   Take the connection away on both sides; what was applied stays
      keygen       Make a key pair for a repository that is reached over ssh
      bench        Measure how much the parts of Arcwright bear
      schema       Print the JSON Schema of the state file
      crds         Print the CustomResourceDefinitions
      completions  Print a completion script
      version      Print the version

    Options:
          --data-dir <DIR>     Directory for mirrors and status [env: ARCWRIGHT_DATA_DIR=HOME/data]
          --log <FILTER>       What to log, as a tracing filter: error, warn, info, debug, or arcwright=debug [env: ARCWRIGHT_LOG=] [default: info]
          --log-format <FORM>  Form of the log [env: ARCWRIGHT_LOG_FORMAT=] [default: text] [possible values: text, json]
      -h, --help               Print help
      -V, --version            Print version
    "#);
}

#[test]
fn every_command_is_documented() {
    let documentation = include_str!("../../docs/command-line.md");
    let help = Home::new().run(&["--help"]).stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 10, "{help}");
    for command in commands {
        let is_named = [format!("`{command} "), format!("`{command}`")].iter().any(|text| documentation.contains(text));
        assert!(is_named, "{command} is not in docs/command-line.md");
    }
}

#[test]
fn the_program_is_a_plugin_of_kubectl_by_its_name() {
    let home = Home::new();
    let plugin = home.path("kubectl-arcwright");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_arcwright"), &plugin).expect("a link");
    let ran = home.ran(home.command_of(&plugin).args(["tree", "--help"]).output().expect("it runs"));
    assert!(ran.stdout.contains("Usage: kubectl arcwright tree [OPTIONS] <NAME>"), "{}", ran.stdout);
    let ran = home.ran(home.command_of(&plugin).arg("tree").output().expect("it runs"));
    assert!(ran.stderr.contains("Usage: kubectl arcwright tree "), "{}", ran.stderr);
}

#[test]
fn a_pipe_that_closes_early_is_no_error() {
    let home = Home::new();
    let mut child = home.command().arg("crds").stdout(std::process::Stdio::piped()).spawn().expect("it runs");
    drop(child.stdout.take());
    assert!(child.wait().expect("an end").success());
}

#[test]
fn an_agent_without_any_door_is_told_which_there_are() {
    insta::assert_snapshot!(Home::new().run(&["agent"]).all(), @r"
    exit 2
    -- stdout
    -- stderr
    error: the following required arguments were not provided:
      <--state <PATH>|--watch-resources|--hub <URL>|--azure <CLOUD>>

    Usage: arcwright agent --data-dir <DIR> <--state <PATH>|--watch-resources|--hub <URL>|--azure <CLOUD>>

    For more information, try '--help'.
    ");
    let both = Home::new().run(&["agent", "--once", "--watch-resources"]);
    assert_eq!(both.code, 2, "{}", both.stderr);
    assert_eq!(Home::new().run(&["agent", "--state", "x", "--watch-namespace", "a"]).code, 2);
}
