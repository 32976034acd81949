//! `arcwright completions`: for shells; and what kubectl asks of a plugin.
use super::{Outcome, ui};
use clap::{Args, CommandFactory as _};
use std::{ffi::OsString, fmt::Write as _, process::ExitCode};

/// The program that kubectl asks for completions of `kubectl arcwright`.
pub(super) const KUBECTL_COMPLETE: &str = "kubectl_complete-arcwright";
/// Cobra's directives: nothing else is proposed, or the shell proposes files.
const NO_FILES: u8 = 4;
const FILES: u8 = 0;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Shell
    shell: clap_complete::Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "every command has this form")]
pub(super) fn run(args: &CompletionsArgs) -> Outcome {
    clap_complete::generate(args.shell, &mut super::Cli::command(), "arcwright", &mut std::io::stdout().lock());
    Ok(ExitCode::SUCCESS)
}

/// Answers kubectl: what the last of the words may become, one a line, and a directive.
#[expect(clippy::unnecessary_wraps, reason = "every command has this form")]
pub(super) fn for_kubectl(words: &[OsString]) -> Outcome {
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    ui::text(&proposals(&words));
    Ok(ExitCode::SUCCESS)
}

/// Commands with what they do, or flags where a dash was typed. Pure.
///
/// Source: completion of plugins in kubectl 1.26 and later; directives of the Go library cobra.
fn proposals(words: &[&str]) -> String {
    let (last, before) = words.split_last().unwrap_or((&"", &[]));
    let mut command = super::Cli::command();
    command.build();
    let command = before.iter().fold(&command, |command, word| command.find_subcommand(word).unwrap_or(command));
    let mut all = String::new();
    let mut propose = |name: &str, about: Option<&clap::builder::StyledStr>| {
        if name.starts_with(last) {
            let about = about.map(ToString::to_string).unwrap_or_default();
            // Writing to a String cannot fail.
            writeln!(all, "{name}\t{}", about.lines().next().unwrap_or_default()).ok();
        }
    };
    if last.starts_with('-') {
        for flag in command.get_arguments().filter(|flag| !flag.is_hide_set()) {
            if let Some(name) = flag.get_long() {
                propose(&format!("--{name}"), flag.get_help());
            }
        }
    } else {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            propose(sub.get_name(), sub.get_about());
        }
    }
    let directive = if all.is_empty() { FILES } else { NO_FILES };
    format!("{all}:{directive}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn kubectl_is_told_commands_and_flags() {
        assert_snapshot!(proposals(&["re"]), @"
        reconcile	Ask a running agent to fetch and reconcile a configuration at once
        resume	Ask a running agent to go on with a configuration
        render	Print what `kustomize build DIR` prints
        :4
        ");
        assert_snapshot!(proposals(&["crds", "--hi"]), @"
        --historical	Print those of the kinds of the first agents, GitConfig and FluxConfig, instead
        :4
        ");
        assert_eq!(proposals(&["validate", "state"]), ":0\n", "the shell proposes files");
        assert!(proposals(&[]).contains("agent\t"));
    }
}
