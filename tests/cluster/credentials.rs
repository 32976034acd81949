//! Keys that are made for a repository, and credentials that come from Secrets, with a real sshd.
use crate::{
    sshd::{KeyFile, Sshd, is_installed},
    support::{Bed, Running, eventually, kubeconfig, kubectl},
};
use base64::Engine as _;
use serde_json::Value;
use std::process::{Output, Stdio};

const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: NAMESPACE}\ndata: {colour: blue}\n";
const SPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NAMESPACE}\n";

/// A test's repository, behind an sshd of its own that lets nobody in yet.
struct Remote {
    bed: Bed,
    host: KeyFile,
    sshd: Sshd,
}

impl Remote {
    fn new(name: &str) -> Self {
        let bed = Bed::new(name);
        bed.commit(&[("app/config.yaml", CONFIG), ("app/namespace.yaml", SPACE)]);
        let host = KeyFile::make(&["-t", "ed25519"]);
        let sshd = Sshd::start(&[&host]);
        Self { bed, host, sshd }
    }

    fn known_hosts(&self) -> String {
        self.sshd.known_hosts(&[&self.host])
    }

    /// Writes a state file with one `FluxConfiguration` named after the namespace.
    fn state(&self, git: &str, spec: &str) {
        let known_hosts = base64::engine::general_purpose::STANDARD.encode(self.known_hosts());
        let known_hosts =
            if git.contains("localAuthRef") { String::new() } else { format!("sshKnownHosts: {known_hosts}") };
        let text = format!(
            "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: {0}}}\nspec:\n  namespace: {0}\n  {spec}\n  gitRepository:\n    url: {1}\n    repositoryRef: {{branch: main}}\n    syncIntervalInSeconds: 1\n    {known_hosts}\n    {git}\n  kustomizations:\n    app: {{path: app, prune: true}}\n",
            self.bed.namespace,
            self.sshd.url(&self.bed.repository()),
        );
        std::fs::write(self.bed.directory.path().join("state.yaml"), text).expect("a file");
    }

    fn once(&self, patience: &str) -> Output {
        self.bed.run(&["agent", "--once", "--patience", patience])
    }

    /// Runs once in vain; gives the status.
    fn failed(&self) -> Value {
        assert!(!self.once("0").status.success());
        self.bed.status()
    }

    /// Whether a running agent says so by now.
    fn is_compliant(&self) -> bool {
        let file = std::fs::read(self.bed.directory.path().join("data/status.json")).unwrap_or_default();
        let file: Value = serde_json::from_slice(&file).unwrap_or_default();
        file["configurations"][0]["complianceState"] == "Compliant"
    }

    fn succeeds(&self) {
        let done = self.once("60");
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(done.status.success(), "{}{}", shown(&done.stdout), shown(&done.stderr));
        let colour = ["get", "configmap", "app", "-n", &self.bed.namespace, "-o", "jsonpath={.data.colour}"];
        assert_eq!(kubectl(&colour).as_deref(), Ok("blue"));
    }

    fn secret(&self, name: &str, entries: &[(&str, &str)]) {
        kubectl(&["create", "namespace", &self.bed.namespace]).ok();
        kubectl(&["delete", "secret", name, "-n", &self.bed.namespace, "--ignore-not-found"]).expect("deleted");
        let entries: Vec<String> = entries.iter().map(|(key, value)| format!("--from-literal={key}={value}")).collect();
        let mut args = vec!["create", "secret", "generic", name, "-n", &self.bed.namespace];
        args.extend(entries.iter().map(String::as_str));
        kubectl(&args).expect("a Secret");
    }
}

fn message(status: &Value) -> &str {
    status["message"].as_str().expect("a message")
}

#[test]
fn a_repository_without_a_key_gets_one_that_outlives_the_agent_and_goes_with_the_configuration() {
    if !is_installed() {
        return;
    }
    let remote = Remote::new("made");
    remote.state("", "");
    let planned = remote.bed.run(&["plan"]);
    assert!(String::from_utf8_lossy(&planned.stderr).contains("no key was made"), "a plan makes nothing");
    let status = remote.failed();
    let public = status["repositoryPublicKey"].as_str().expect("a public key").to_owned();
    assert!(public.starts_with("ecdsa-sha2-nistp384 "), "{public}");
    let words: Vec<&str> = public.split(' ').take(2).collect();
    assert_eq!(status["complianceState"], "Non-Compliant");
    assert!(message(&status).contains(&words.join(" ")), "{}", message(&status));
    remote.sshd.authorize(&public);
    // Another process, with nothing on its own disk.
    std::fs::remove_dir_all(remote.bed.directory.path().join("data")).expect("removed");
    remote.succeeds();
    assert_eq!(remote.bed.status()["repositoryPublicKey"], public.as_str());
    let secret = format!("arcwright-key.{}", remote.bed.namespace);
    let stored =
        || kubectl(&["get", "secret", &secret, "-n", &remote.bed.namespace, "-o", "jsonpath={.data.identity\\.pub}"]);
    let decoded = base64::engine::general_purpose::STANDARD.decode(stored().expect("a Secret"));
    assert_eq!(decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok()).as_deref(), Some(public.as_str()));
    let state = remote.bed.directory.path().join("state.yaml");
    std::fs::remove_file(remote.bed.directory.path().join("data/status.json")).expect("removed");
    let mut agent = remote.bed.command();
    agent.arg("agent").arg("--state").arg(&state).arg("--kubeconfig").arg(kubeconfig());
    let _agent = Running(agent.stderr(Stdio::null()).spawn().expect("arcwright runs"));
    eventually("compliance", || remote.is_compliant());
    std::fs::write(&state, "# nothing is wanted any more\n").expect("a file");
    eventually("removal of the key", || stored().is_err());
}

#[test]
fn a_secret_in_fluxs_form_is_read_again_at_each_look() {
    if !is_installed() {
        return;
    }
    let remote = Remote::new("whole");
    let (user, known_hosts) = (KeyFile::make(&["-t", "ed25519"]), remote.known_hosts());
    remote.sshd.authorize(&user.public());
    remote.state("localAuthRef: auth", "");
    let status = remote.failed();
    assert!(message(&status).contains("/auth with the credentials is not there"), "{}", message(&status));
    remote.secret("auth", &[("known_hosts", &known_hosts)]);
    let status = remote.failed();
    assert!(message(&status).contains("has no identity; it has known_hosts"), "{}", message(&status));
    remote.secret("auth", &[("known_hosts", &known_hosts), ("identity", "s3cret")]);
    let status = remote.failed();
    assert!(message(&status).contains("private key") && !message(&status).contains("s3cret"), "{}", message(&status));
    remote.secret("auth", &[("known_hosts", &known_hosts), ("identity", &user.private())]);
    remote.succeeds();
    let public = remote.bed.status()["repositoryPublicKey"].as_str().map(str::to_owned).expect("a public key");
    assert!(user.public().starts_with(&public), "{public}");
}

#[test]
fn one_entry_of_a_secret_is_one_protected_setting() {
    if !is_installed() {
        return;
    }
    let remote = Remote::new("entry");
    let user = KeyFile::make(&["-t", "ed25519"]);
    remote.sshd.authorize(&user.public());
    remote.state("", "protectedSettingsFrom: {sshPrivateKey: {secretRef: {name: auth, key: key}}}");
    remote.secret("auth", &[("other", "x")]);
    let status = remote.failed();
    assert!(message(&status).contains("has no key; it has other"), "{}", message(&status));
    remote.secret("auth", &[("key", &user.private())]);
    remote.succeeds();
}
