//! A repository by ssh, from the image.
use crate::{
    bed::{Release, apply, kubectl, wait},
    network::Forwarded,
    repository::{HOST, Repository, colours, configuration},
};
use std::process::Command;

#[path = "../support/sshd.rs"]
#[expect(dead_code, reason = "the tests of Git sources use the rest")]
mod sshd;

#[test]
#[ignore = "it takes a node: ./test node"]
fn a_pod_reads_a_repository_by_ssh() {
    let repository = Repository::serve(&[("app/colours.yaml", &colours("blue"))]);
    let (host, user) = (sshd::KeyFile::make(&["-t", "ed25519"]), sshd::KeyFile::make(&["-t", "ed25519"]));
    let server = sshd::Sshd::start(&[&host]);
    server.authorize(&user.public());
    let _forwarded = Forwarded::start(22, server.port);
    let release = Release::install(&repository.values(&[]).to_string());
    let known = server.known_hosts(&[&host]).replace(&format!("[127.0.0.1]:{}", server.port), HOST);
    kubectl(&["create", "namespace", "shop"]);
    kubectl(&[
        "create",
        "secret",
        "generic",
        "key",
        "--namespace",
        "shop",
        &format!("--from-file=identity={}", user.path().display()),
    ]);
    let me = String::from_utf8(Command::new("id").arg("-un").output().expect("id runs").stdout).expect("a name");
    let url = format!("ssh://{}@{HOST}{}", me.trim(), repository.path().display());
    let known = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, known);
    let one = configuration("shop", &url, "app").replace("url:", &format!("sshKnownHosts: {known}, url:")).replace(
        "spec:\n",
        "spec:\n  protectedSettingsFrom: {sshPrivateKey: {secretRef: {name: key, key: identity}}}\n",
    );
    apply(&one);
    wait("shop", "fluxconfiguration/shop", "jsonpath={.status.complianceState}=Compliant");
    wait("shop", "configmap/colours", "jsonpath={.data.colour}=blue");
    drop(release);
    kubectl(&["delete", "namespace", "shop"]);
}
