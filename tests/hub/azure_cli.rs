//! The command line of Azure, unmodified, with a custom cloud.
use crate::bed::{Bed, tell};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const CLUSTER: [&str; 6] = ["-g", "shops", "-n", "north", "--resource-type", "Microsoft.Kubernetes/connectedClusters"];

/// The program; `ARCWRIGHT_AZURE_CLI` names another.
fn program() -> Option<PathBuf> {
    let cache = || {
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home)?;
        Some(cache.join("arcwright/azure-cli/bin/az"))
    };
    std::env::var_os("ARCWRIGHT_AZURE_CLI").map(PathBuf::from).or_else(cache).filter(|path| path.exists())
}

/// The program with a configuration of its own, which trusts the authority of one control plane.
struct Az {
    program: PathBuf,
    directory: PathBuf,
    authority: PathBuf,
}

impl Az {
    fn at(bed: &Bed, program: PathBuf) -> Self {
        let authority = bed.directory.path().join(bed.hub.bootstrap["caFile"].as_str().expect("a path"));
        Self { program, directory: bed.directory.path().join("azure"), authority }
    }

    /// Runs a command: what it prints, or what it says when it fails.
    fn run(&self, args: &[&str]) -> Result<Value, String> {
        let mut command = Command::new(&self.program);
        command.args(args).args(["-o", "json", "--only-show-errors"]).env("AZURE_CONFIG_DIR", &self.directory);
        command.env("AZURE_CORE_INSTANCE_DISCOVERY", "false").env("AZURE_CORE_COLLECT_TELEMETRY", "false");
        let done = command.env("REQUESTS_CA_BUNDLE", &self.authority).output().expect("az runs");
        if done.status.success() {
            return Ok(serde_json::from_slice(&done.stdout).unwrap_or(Value::Null));
        }
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }

    fn done(&self, args: &[&str]) -> Value {
        let done = self.run(args);
        assert!(done.is_ok(), "az {}: {done:?}", args.join(" "));
        done.unwrap_or_default()
    }

    fn of_cluster(&self, verb: &str, more: &[&str]) -> Value {
        self.done(&[&["resource", verb], &CLUSTER[..], more].concat())
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().expect("a text")
}

fn groups_and_providers(az: &Az, subscription: &str) {
    az.done(&["group", "create", "-n", "more", "-l", "here", "--tags", "a=b"]);
    let groups = az.done(&["group", "list", "--query", "[].name"]);
    assert_eq!(groups, json!(["more", "shops"]));
    az.done(&["group", "delete", "-n", "more", "--yes"]);
    assert_eq!(az.done(&["group", "exists", "-n", "more"]), json!(false));
    az.done(&["provider", "register", "-n", "Microsoft.Kubernetes", "--wait"]);
    let state = ["provider", "show", "-n", "Microsoft.Kubernetes", "--query", "registrationState"];
    assert_eq!(az.done(&state), json!("Registered"));
    assert_eq!(az.done(&["account", "show", "--query", "id"]), json!(subscription));
    assert!(az.done(&["account", "list-locations", "--query", "[].name"]).is_array());
}

fn clusters_and_configurations(az: &Az, bed: &Bed) {
    let body = crate::bed::cluster().to_string();
    let made = az.of_cluster("create", &["--is-full-object", "--properties", &body]);
    assert_eq!(made["properties"]["connectivityStatus"], "Connecting", "{made}");
    assert_eq!(az.of_cluster("tag", &["--tags", "c=d"])["tags"], json!({"c": "d"}));
    assert_eq!(az.of_cluster("show", &["--query", "tags.c"]), json!("d"));
    let listed = az.done(&["resource", "list", "--query", "[].[name, type]"]);
    assert_eq!(listed, json!([["north", "Microsoft.Kubernetes/connectedClusters"]]));
    let by_rest = ["rest", "--url", &format!("{}?api-version=2024-01-01", bed.clusters()), "--query", "value[].name"];
    assert_eq!(az.done(&by_rest), json!(["north"]));

    let path = bed.flux("north", "web");
    let id = path.split('?').next().expect("an id");
    let properties = crate::bed::flux()["properties"].to_string();
    let create = ["resource", "create", "--id", id, "--api-version", "2025-04-01", "--properties", &properties];
    assert_eq!(az.done(&create)["properties"]["provisioningState"], "Succeeded");
    let update = ["resource", "update", "--ids", id, "--set", "properties.suspend=true"];
    assert_eq!(az.done(&update)["properties"]["suspend"], json!(true), "in the newest version, found by itself");
    let show = ["resource", "show", "--ids", id, "--query", "properties.complianceState"];
    assert_eq!(az.done(&show), json!("Pending"));
    az.done(&["resource", "delete", "--ids", id]);
    let gone = az.run(&["resource", "show", "--ids", id]).expect_err("gone");
    assert!(gone.contains("ResourceNotFound"), "{gone}");
    az.of_cluster("delete", &[]);
    assert_eq!(az.done(&["resource", "list"]), json!([]));
}

/// Key and certificate in one PEM file, and the certificate in another.
pub(crate) fn certified(directory: &Path) -> (String, String) {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
    let certificate = CertificateParams::new(vec!["robot".to_owned()]).expect("a name").self_signed(&key);
    let certificate = certificate.expect("signed").pem();
    let (both, public) = (directory.join("both.pem"), directory.join("public.pem"));
    std::fs::write(&both, key.serialize_pem() + &certificate).expect("written");
    std::fs::write(&public, certificate).expect("written");
    (both.display().to_string(), public.display().to_string())
}

#[test]
fn the_command_line_of_azure_works_unmodified() {
    let Some(program) = program() else {
        tell("NOT RUN: there is no command line of Azure; tests/support/azure-cli.sh makes one");
        return;
    };
    let bed = Bed::new();
    let az = Az::at(&bed, program);
    let owner = &bed.hub.bootstrap;
    az.done(&["cloud", "register", "-n", "Arcwright", "--endpoint-resource-manager", &bed.hub.endpoint]);
    az.done(&["cloud", "set", "-n", "Arcwright"]);
    let (tenant, client, secret) = (text(owner, "tenantId"), text(owner, "clientId"), text(owner, "clientSecret"));
    let login = ["login", "--service-principal", "--tenant", tenant];
    az.done(&[&login[..], &["-u", client, "-p", secret]].concat());
    groups_and_providers(&az, bed.hub.subscription());
    clusters_and_configurations(&az, &bed);
    az.done(&["logout"]);
    assert!(az.run(&["group", "list"]).is_err(), "nobody is signed in");

    let (both, public) = certified(bed.directory.path());
    let args = ["user", "add", "--data", &bed.data, "--role", "reader", "--name", "robot", "--certificate", &public];
    let (is_done, said, robot) = bed.arcwright(&args);
    assert!(is_done, "{said}");
    let robot: Value = serde_json::from_str(&robot).expect("a credential");
    az.done(&[&login[..], &["-u", text(&robot, "clientId"), "--certificate", &both]].concat());
    assert_eq!(az.done(&["group", "list", "--query", "[].name"]), json!(["shops"]));
    let refused = az.run(&["group", "create", "-n", "more", "-l", "here"]).expect_err("a reader writes nothing");
    assert!(refused.contains("AuthorizationFailed"), "{refused}");
}
