//! The rules of the two resources, each by a document that breaks it.
use super::*;
use crate::model::{
    configuration::{Configuration, DriftPolicy, Engine},
    operator::{Argument, OPERATOR},
};
use base64::Engine as _;
use insta::assert_snapshot;

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn ssh_key() -> String {
    let mut random = ssh_key::rand_core::OsRng;
    let key = ssh_key::PrivateKey::random(&mut random, ssh_key::Algorithm::Ed25519).expect("a key");
    key.to_openssh(ssh_key::LineEnding::LF).expect("a text").as_str().to_owned()
}

const KNOWN_HOST: &str =
    "example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n";

/// The issues of a `FluxConfiguration` with lines of its spec.
fn of_flux(spec: &str) -> String {
    let head = flux("shop").split_once("  gitRepository").expect("a spec").0.to_owned();
    issues(head + spec)
}

#[test]
fn the_defaults_are_those_of_the_resource() {
    let state = loaded(flux("shop").as_bytes());
    assert_eq!(state.issues, []);
    let one = &state.configurations[0];
    assert_eq!(one.id.to_string(), "default/shop");
    assert_eq!((one.scope, one.suspend), (crate::model::configuration::Scope::Cluster, false));
    assert_eq!(one.source.reference.branch.as_deref(), Some("master"));
    assert_eq!((one.source.timeout.as_secs(), one.source.interval.as_secs()), (600, 600));
    let all = &one.kustomizations[0];
    assert_eq!((all.name.as_str(), all.path.as_str(), all.retry_interval), ("kustomization-1", "", None));
    assert_eq!((all.timeout.as_secs(), all.interval.as_secs()), (600, 600));
    assert!(!all.prune && !all.force && all.wait && !all.allow_empty);
}

#[test]
fn everything_that_is_said_is_heeded() {
    let spec = "    timeoutInSeconds: 7\n    syncIntervalInSeconds: 8\n    repositoryRef: {branch: main, commit: 0123456789abcdef0123456789abcdef01234567}\n  scope: namespace\n  namespace: apps\n  suspend: true\n  drift: report\n  serviceAccountName: deployer\n  kustomizations:\n    base: {name: base}\n    app:\n      path: ./app\n      dependsOn: [base]\n      timeoutInSeconds: 1\n      syncIntervalInSeconds: 2\n      retryIntervalInSeconds: 3\n      prune: true\n      force: true\n      wait: false\n      drift: correct\n      postBuild:\n        substitute: {A: b}\n        substituteFrom: [{kind: Secret, name: vars, optional: true}]\n";
    let state = loaded((flux("shop") + spec).as_bytes());
    assert_eq!(state.issues, []);
    assert!(state.configurations[0].suspend);
    let mut one = Configuration::clone(&state.configurations[0]);
    one.digest.clear();
    one.door = crate::model::Door::Unknown;
    insta::assert_debug_snapshot!(one, @r#"
    Configuration {
        id: ConfigurationId {
            namespace: "apps",
            name: "shop",
        },
        generation: Flux,
        engine: Native,
        scope: Namespace,
        service_account: Some(
            "deployer",
        ),
        suspend: true,
        source: GitSource {
            url: "https://example.org/shop",
            allow_local: true,
            reference: Reference {
                branch: Some(
                    "main",
                ),
                tag: None,
                semver: None,
                commit: Some(
                    "0123456789abcdef0123456789abcdef01234567",
                ),
            },
            credentials: Credentials {
                user: None,
                password: None,
                bearer_token: None,
                ssh_private_key: None,
                known_hosts: None,
                ca_bundle: None,
            },
            secret_refs: [],
            timeout: 7s,
            interval: 8s,
        },
        kustomizations: [
            Kustomization {
                name: "app",
                path: "./app",
                depends_on: [
                    "base",
                ],
                timeout: 1s,
                interval: 2s,
                retry_interval: Some(
                    3s,
                ),
                prune: true,
                force: true,
                wait: false,
                allow_empty: false,
                drift: Correct,
                substitute: {
                    "A": "b",
                },
                substitute_from: [
                    SubstituteFrom {
                        kind: "Secret",
                        name: "vars",
                        optional: true,
                    },
                ],
            },
            Kustomization {
                name: "base",
                path: "",
                depends_on: [],
                timeout: 600s,
                interval: 600s,
                retry_interval: None,
                prune: false,
                force: false,
                wait: true,
                allow_empty: false,
                drift: Report,
                substitute: {},
                substitute_from: [],
            },
        ],
        ignored: [],
        digest: "",
        door: Unknown,
        resource: None,
        revision: None,
    }
    "#);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_a_hint_all_at_once() {
    let types = flux("shop").replace("url:", "urll:")
        + "    repositoryRef: {commit: abc}\n    timeoutInSeconds: 10m\n    syncIntervalInSeconds: 0\n  kustomizations:\n    app:\n      prune: maybe\n      wait: \"true\"\n      validation: client\n    b:\n  sope: cluster\n  scope: Cluster\n  provisioningState: Succeeded\n  properties: {}\n";
    assert_snapshot!(issues(types), @"
    state.yaml:6:3: error: spec.gitRepository.url: is missing
    state.yaml:7:5: error: spec.gitRepository.urll: is not a known field (did you mean url?)
    state.yaml:9:5: error: spec.gitRepository.timeoutInSeconds: must be an integer, not a string (give whole seconds, as in 600)
    state.yaml:10:5: error: spec.gitRepository.syncIntervalInSeconds: must be from 1 to 2147483647
    state.yaml:13:7: error: spec.kustomizations.app.prune: must be a boolean, not a string
    state.yaml:14:7: error: spec.kustomizations.app.wait: must be a boolean, not a string (write it without quotes)
    state.yaml:15:7: error: spec.kustomizations.app.validation: is not a known field (the resource has it no more, the API server checks every object; leave it out)
    state.yaml:16:5: error: spec.kustomizations.b: must be an object, not empty (write {} for the defaults)
    state.yaml:17:3: error: spec.sope: is not a known field (did you mean scope?)
    state.yaml:18:3: error: spec.scope: must be cluster or namespace (did you mean cluster?)
    state.yaml:19:3: error: spec.provisioningState: is not a known field (it is read-only; leave it out)
    state.yaml:20:3: error: spec.properties: is not a known field
    ");
    let rules = flux("shop").replace("https://example.org/shop", "ext::sh")
        + "    repositoryRef: {commit: abc}\n  kustomizations:\n    app: {dependsOn: [ap, b, b, app], path: ../x, name: b}\n    b: {dependsOn: [c]}\n    c: {dependsOn: [b]}\n    D_: {}\n  configurationProtectedSettings: {sshPrivateKey: bm90IGEga2V5, httpsKy: eA==}\n  engine: flux-v1\n";
    assert_snapshot!(issues(rules), @r#"
    state.yaml:7:5: error: spec.gitRepository.url: remote helpers (HELPER::ADDRESS) run programs and are never used (use https://server/repo, http://server/repo, ssh://user@server/repo or git@server:repo)
    state.yaml:8:21: error: spec.gitRepository.repositoryRef.commit: must be 40 hexadecimal digits (`git rev-parse NAME` prints them)
    state.yaml:8:21: error: spec.gitRepository.repositoryRef.commit: must come with the branch that it is on (add branch)
    state.yaml:10:11: error: spec.kustomizations.app.dependsOn: is a circle: app -> app
    state.yaml:10:23: error: spec.kustomizations.app.dependsOn[0]: there is no kustomization "ap" (there are: D_, b, c)
    state.yaml:10:30: warning: spec.kustomizations.app.dependsOn[2]: names b again
    state.yaml:10:39: error: spec.kustomizations.app.path: "../x" must stay inside the repository, with / between directories and no dash at its beginning
    state.yaml:10:51: error: spec.kustomizations.app.name: must be app, its key (leave it out)
    state.yaml:11:9: error: spec.kustomizations.b.dependsOn: is a circle: b -> c -> b
    state.yaml:13:5: error: spec.kustomizations.D_: "D_" must be 1 to 63 lower-case letters, digits, '-' and '.', each part with a letter or digit at both ends
    state.yaml:14:36: error: spec.configurationProtectedSettings.sshPrivateKey: Verify the key provided is a valid PEM-formatted key of type RSA, ECC, DSA, or Ed25519
    state.yaml:14:65: error: spec.configurationProtectedSettings.httpsKy: is not a known setting (did you mean httpsKey?)
    state.yaml:15:3: error: spec.engine: flux-v1 is for a SourceControlConfiguration (use native or flux-v2, or describe the repository in a SourceControlConfiguration)
    "#);
}

#[test]
fn names_and_namespaces_have_the_forms_of_the_resource() {
    assert_snapshot!(issues(flux("Shop")), @r#"state.yaml:4:3: error: metadata.name: "Shop" must be 1 to 63 lower-case letters, digits, '-' and '.', each part with a letter or digit at both ends"#);
    assert_snapshot!(issues(flux(&"a".repeat(64))), @r#"
    state.yaml:4:3: error: metadata.name: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" must be 1 to 63 lower-case letters, digits, '-' and '.', each part with a letter or digit at both ends
    state.yaml:5:1: error: spec.kustomizations.kustomization-1: kustomization-1 and the configuration's name have 79 characters together, and may have 62 (shorten one of them)
    "#);
    assert_snapshot!(issues(flux("shop") + "  namespace: team_a\n"), @r#"state.yaml:8:3: error: spec.namespace: "team_a" must be 1 to 253 lower-case letters, digits, '-' and '.', each part with a letter or digit at both ends"#);
    assert_snapshot!(issues(flux("shop") + "  namespace: team.a\n"), @"state.yaml:8:3: warning: spec.namespace: is allowed by the resource, but Kubernetes has no namespaces with periods or of more than 63 characters");
    assert_snapshot!(issues(flux("shop").replace("name: shop", "name: shop\n  namespace: apps")), @r#"state.yaml:5:3: error: metadata.namespace: is "apps", but the configuration's namespace is default (leave it out, or set spec.namespace to the same)"#);
    assert_eq!(issues(flux("shop").replace("name: shop", "name: shop\n  namespace: apps") + "  namespace: apps\n"), "");
    assert_snapshot!(issues(source_control("shop") + "  operatorNamespace: a-namespace-of-24-letters\n"), @r#"state.yaml:7:3: error: spec.operatorNamespace: "a-namespace-of-24-letters" must be 1 to 23 lower-case letters, digits and '-', with a letter or digit at both ends"#);
    assert_snapshot!(issues(source_control("a-configuration-with-a-long-name")), @"state.yaml:5:1: error: spec.operatorInstanceName: is missing, and the configuration's name cannot stand for it: it is longer than 23 characters or has periods (give operatorInstanceName)");
    assert_eq!(issues(source_control("a-configuration-with-a-long-name") + "  operatorInstanceName: short\n"), "");
    let together = |name: &str| issues(flux(name) + "  kustomizations: {twenty-two-letters-big: {}}\n");
    assert_eq!(together(&"a".repeat(40)), "", "62 together");
    assert_snapshot!(together(&"a".repeat(41)), @"state.yaml:8:20: error: spec.kustomizations.twenty-two-letters-big: twenty-two-letters-big and the configuration's name have 63 characters together, and may have 62 (shorten one of them)");
}

#[test]
fn the_source_that_is_meant_must_be_there() {
    assert_snapshot!(of_flux("  suspend: false\n"), @"state.yaml:5:1: error: spec.gitRepository: is missing, and sourceKind is GitRepository (give gitRepository, with its url)");
    assert_snapshot!(of_flux("  bucket: {url: https://s3.example.org, bucketName: b}\n"), @"
    state.yaml:5:1: error: spec.gitRepository: is missing, and sourceKind is GitRepository (bucket is given: change sourceKind, or give gitRepository)
    state.yaml:6:3: warning: spec.bucket: is not used, since sourceKind is GitRepository (leave it out)
    ");
    assert_snapshot!(of_flux("  sourceKind: Bucket\n  bucket: {url: s3.example.org, accessKey: a, localAuthRef: b}\n"), @"
    state.yaml:6:3: error: spec.sourceKind: Bucket is not fetched by engine native (use GitRepository, or engine flux-v2)
    state.yaml:7:3: error: spec.bucket: has several ways to log in: accessKey, localAuthRef (keep one of them)
    state.yaml:7:3: error: spec.bucket.bucketName: is missing
    state.yaml:7:12: error: spec.bucket.url: must begin with https:// or http://
    ");
    assert_snapshot!(issues(flux("shop") + "  ociRepository: {url: oci://example.org/a}\n"), @"state.yaml:8:3: warning: spec.ociRepository: is not used, since sourceKind is GitRepository (leave it out)");
    assert_snapshot!(of_flux("  sourceKind: AzureBlob\n  azureBlob: {url: https://a.example.org, accountKey: k, sasToken: t, servicePrincipal: {clientId: c}}\n"), @"
    state.yaml:6:3: error: spec.sourceKind: AzureBlob is not fetched by engine native (use GitRepository, or engine flux-v2)
    state.yaml:7:3: error: spec.azureBlob: has several ways to log in: servicePrincipal, accountKey, sasToken (keep one of them)
    state.yaml:7:3: error: spec.azureBlob.containerName: is missing
    state.yaml:7:71: error: spec.azureBlob.servicePrincipal: needs exactly one of clientSecret and clientCertificate
    state.yaml:7:71: error: spec.azureBlob.servicePrincipal.tenantId: is missing
    ");
    assert_snapshot!(of_flux("  sourceKind: OCIRepository\n  ociRepository: {url: https://x, repositoryRef: {digest: sha256:12}}\n"), @"
    state.yaml:6:3: error: spec.sourceKind: OCIRepository is not fetched by engine native (use GitRepository, or engine flux-v2)
    state.yaml:7:19: error: spec.ociRepository.url: must begin with oci://
    state.yaml:7:51: error: spec.ociRepository.repositoryRef.digest: must be sha256: and 64 hexadecimal digits
    ");
}

#[test]
fn https_and_ssh_settings_are_not_mixed() {
    let key = base64(&ssh_key());
    let hosts = base64(KNOWN_HOST);
    let https = flux("shop") + "    sshKnownHosts: HOSTS\n  configurationProtectedSettings: {sshPrivateKey: KEY}\n";
    assert_snapshot!(issues(https.replace("HOSTS", &hosts).replace("KEY", &key)), @"
    state.yaml:8:5: error: spec.gitRepository.sshKnownHosts: is for ssh, but the url is http(s) (leave it out, or change the url)
    state.yaml:9:36: error: spec.configurationProtectedSettings.sshPrivateKey: is for ssh, but the url is http(s) (leave it out, or change the url)
    ");
    let ssh = flux("shop").replace("https://", "ssh://git@") + "    sshKnownHosts: HOSTS\n";
    let ssh = ssh.replace("HOSTS", &hosts);
    assert_eq!(issues(ssh.clone() + "  configurationProtectedSettings: {sshPrivateKey: " + &key + "}\n"), "");
    assert_snapshot!(issues(ssh + "    httpsUser: me\n    httpsCACert: eA==\n  configurationProtectedSettings: {httpsKey: eA==}\n"), @"
    state.yaml:9:5: error: spec.gitRepository.httpsUser: is for https, but the url is ssh (leave it out, or change the url)
    state.yaml:10:5: error: spec.gitRepository.httpsCACert: holds no PEM certificate (give the certificates of the authorities, each from BEGIN CERTIFICATE to END CERTIFICATE, in base64)
    state.yaml:10:5: error: spec.gitRepository.httpsCACert: is for https, but the url is ssh (leave it out, or change the url)
    state.yaml:11:36: error: spec.configurationProtectedSettings.httpsKey: is for https, but the url is ssh (leave it out, or change the url)
    ");
    assert_snapshot!(issues(flux("shop").replace("https://example.org/", "git@example.org:")), @"state.yaml:7:5: warning: spec.gitRepository.url: is ssh, and no known hosts are given: the host will be refused (give the output of `ssh-keyscan HOST`, checked against what the host's owner publishes, in base64)");
    assert_snapshot!(issues(flux("shop").replace("https:", "http:") + "    httpsUser: me\n  configurationProtectedSettings: {httpsKey: eA==}\n"), @"state.yaml:7:5: warning: spec.gitRepository.url: is http, so that user and key go over the network in the clear (use https)");
    assert_snapshot!(issues(flux("shop").replace("https://example.org", "/srv") + "  configurationProtectedSettings: {sshPrivateKey: KEY}\n".replace("KEY", &key).as_str()), @"state.yaml:8:36: error: spec.configurationProtectedSettings.sshPrivateKey: is for ssh, but the url is a directory of this machine (leave it out, or change the url)");
    assert_snapshot!(issues(flux("shop") + "    provider: GitHub\n"), @"state.yaml:8:5: warning: spec.gitRepository.provider: has no meaning for engine native, which gets no tokens by itself (give httpsUser and httpsKey, or an ssh key)");
}

#[test]
fn user_and_key_come_together() {
    assert_snapshot!(issues(flux("shop") + "    httpsUser: me\n"), @"state.yaml:8:5: error: spec.gitRepository.httpsUser: comes without httpsKey (they come together; give httpsKey in protectedSettingsFrom)");
    assert_snapshot!(issues(flux("shop") + "  protectedSettingsFrom: {httpsKey: {secretRef: {name: a, key: b}}}\n"), @"state.yaml:6:3: error: spec.gitRepository.httpsUser: is missing beside httpsKey (they come together)");
    assert_eq!(issues(flux("shop") + "    httpsUser: me\n    localAuthRef: login\n"), "");
    assert_snapshot!(issues(source_control("shop") + "  configurationProtectedSettings: {httpsUser: eA==}\n"), @"state.yaml:7:36: error: spec.configurationProtectedSettings.httpsUser: stands alone, but httpsUser and httpsKey must come together");
    assert_snapshot!(issues(source_control("shop") + "  protectedSettingsFrom: {httpsKey: {secretRef: {name: a, key: b}}}\n"), @"state.yaml:7:27: error: spec.protectedSettingsFrom.httpsKey: stands alone, but httpsUser and httpsKey must come together");
    assert_eq!(
        issues(source_control("shop") + "  configurationProtectedSettings: {httpsUser: eA==, httpsKey: eA==}\n"),
        ""
    );
}

#[test]
fn a_secret_is_given_once_and_in_one_way() {
    let both = "  configurationProtectedSettings: {sshPrivateKey: KEY}\n  protectedSettingsFrom: {sshPrivateKey: {file: key}}\n";
    let ssh = flux("shop").replace("https://", "ssh://git@") + "    sshKnownHosts: " + &base64(KNOWN_HOST) + "\n";
    assert_snapshot!(issues(ssh.clone() + &both.replace("KEY", &base64(&ssh_key()))), @"state.yaml:10:27: error: spec.protectedSettingsFrom.sshPrivateKey: is given in configurationProtectedSettings too (keep one of them)");
    assert_snapshot!(issues(ssh.clone() + "  protectedSettingsFrom: {sshPrivateKey: {file: a, env: B}}\n"), @"state.yaml:9:27: error: spec.protectedSettingsFrom.sshPrivateKey: needs exactly one of file, env and secretRef");
    assert_snapshot!(issues(ssh.clone() + "  protectedSettingsFrom: {sshPrivateKey: {}}\n"), @"state.yaml:9:27: error: spec.protectedSettingsFrom.sshPrivateKey: needs exactly one of file, env and secretRef");
    assert_snapshot!(issues(ssh.clone() + "  protectedSettingsFrom: {sshPrivateKey: {file: key}}\n"), @"state.yaml:9:27: error: spec.protectedSettingsFrom.sshPrivateKey: DIRECTORY/key cannot be read: No such file or directory (os error 2)");
    assert_snapshot!(issues(ssh.clone() + "  protectedSettingsFrom: {sshPrivateKey: {env: TOKEN}}\n"), @"state.yaml:9:27: error: spec.protectedSettingsFrom.sshPrivateKey: Verify the key provided is a valid PEM-formatted key of type RSA, ECC, DSA, or Ed25519");
    assert_snapshot!(issues(ssh.clone() + "  protectedSettingsFrom: {sshPrivateKey: {secretRef: {name: A, key: b/c}}}\n"), @r#"
    state.yaml:9:55: error: spec.protectedSettingsFrom.sshPrivateKey.secretRef.name: "A" must be 1 to 253 lower-case letters, digits, '-' and '.', each part with a letter or digit at both ends
    state.yaml:9:64: error: spec.protectedSettingsFrom.sshPrivateKey.secretRef.key: "b/c" is no key of a Secret: 1 to 253 letters, digits, '-', '_' and '.'
    "#);
    assert_snapshot!(issues(ssh.clone() + "  configurationProtectedSettings: {sshPrivateKey: '%%%', bucketSecretKey: eA==}\n"), @"
    state.yaml:9:36: error: spec.configurationProtectedSettings.sshPrivateKey: must be base64 of a UTF-8 text (make it with `base64 -w0 FILE`)
    state.yaml:9:58: warning: spec.configurationProtectedSettings.bucketSecretKey: has no use with a Git repository (leave it out)
    ");
    assert_snapshot!(issues(ssh + "  configurationProtectedSettings: {sshPrivateKey: ''}\n"), @"state.yaml:9:36: error: spec.configurationProtectedSettings.sshPrivateKey: is empty (leave it out)");
}

#[test]
fn a_secret_file_is_found_beside_the_state_file() {
    let text = flux("shop").replace("https://", "ssh://git@")
        + "    sshKnownHosts: HOSTS\n  protectedSettingsFrom: {sshPrivateKey: {file: keys/shop}}\n";
    let directory = directory(&[("state.yaml", &text.replace("HOSTS", &base64(KNOWN_HOST)))]);
    std::fs::create_dir(directory.path().join("keys")).expect("a directory");
    // As editors of Windows leave a key.
    std::fs::write(directory.path().join("keys/shop"), ssh_key().replace('\n', "\r\n")).expect("a file");
    let state = load(&[directory.path().to_owned()], &Few);
    assert_eq!(state.issues, []);
    let key = state.configurations[0].source.credentials.ssh_private_key.as_ref().expect("a key");
    assert!(crate::source::git::public_key_of(key).is_ok_and(|public| public.starts_with("ssh-ed25519 ")));
}

#[test]
fn known_hosts_and_certificates_are_looked_into() {
    let ssh = flux("shop").replace("https://", "ssh://git@") + "    sshKnownHosts: ";
    let hosts = format!("# comment\n\n{KNOWN_HOST}example.org\n@nonsense {KNOWN_HOST}");
    assert_snapshot!(issues(ssh.clone() + &base64(&hosts) + "\n"), @"
    state.yaml:8:5: error: spec.gitRepository.sshKnownHosts: line 4 is no known_hosts entry: hosts, key type, key in base64 (use the output of ssh-keyscan)
    state.yaml:8:5: error: spec.gitRepository.sshKnownHosts: line 5 is no known_hosts entry: hosts, key type, key in base64 (use the output of ssh-keyscan)
    ");
    assert_snapshot!(issues(ssh.clone() + KNOWN_HOST), @"state.yaml:8:5: error: spec.gitRepository.sshKnownHosts: must be base64 of a UTF-8 text (make it with `base64 -w0 FILE`)");
    assert_snapshot!(issues(flux("shop") + "    httpsCACert: " + &base64("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") + "\n"), @"state.yaml:8:5: error: spec.gitRepository.httpsCACert: holds no PEM certificate (give the certificates of the authorities, each from BEGIN CERTIFICATE to END CERTIFICATE, in base64)");
}

#[test]
fn a_reference_is_one_that_git_can_have() {
    let with = |reference: &str| issues(flux("shop") + "    repositoryRef: " + reference + "\n");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(with(&format!("{{branch: main, commit: {commit}}}")), "");
    assert_snapshot!(with(&format!("{{commit: {commit}}}")), @"state.yaml:8:21: error: spec.gitRepository.repositoryRef.commit: must come with the branch that it is on (add branch)");
    assert_snapshot!(with("{branch: main, commit: 0123abc}"), @"state.yaml:8:35: error: spec.gitRepository.repositoryRef.commit: must be 40 hexadecimal digits (`git rev-parse NAME` prints them)");
    assert_snapshot!(with("{branch: -x}"), @r#"state.yaml:8:21: error: spec.gitRepository.repositoryRef.branch: "-x" cannot be the name of a branch or tag"#);
    assert_snapshot!(with("{branch: main, tag: v1}"), @"state.yaml:8:21: warning: spec.gitRepository.repositoryRef.branch: is not used, since tag decides (keep one of them)");
    assert_snapshot!(with("{semver: nonsense}"), @r#"state.yaml:8:21: error: spec.gitRepository.repositoryRef.semver: "nonsense" is not a range of versions, such as ^1.2, ~1.2.3, 1.x, >=1.0 <2.0 (give a range such as ">=1.2.0 <2.0.0" or "1.x")"#);
    assert_snapshot!(with("{branch: 1.0}"), @"state.yaml:8:21: error: spec.gitRepository.repositoryRef.branch: must be a string, not a number (put it in quotes)");
}

#[test]
fn variables_and_their_sources_have_names() {
    let build = "  kustomizations:\n    app:\n      postBuild:\n        substitute: {1a: b, a-b: c, ok: d}\n        substituteFrom: [{kind: ConfigMap, name: A}, {kind: Pod, name: a}, {name: b}]\n";
    assert_snapshot!(issues(flux("shop") + build), @"
    state.yaml:12:55: error: spec.kustomizations.app.postBuild.substituteFrom[1].kind: must be ConfigMap or Secret
    state.yaml:12:76: error: spec.kustomizations.app.postBuild.substituteFrom[2].kind: is missing
    ");
    assert_snapshot!(issues(flux("shop") + &build.replace(", {kind: Pod, name: a}, {name: b}", "")), @r#"
    state.yaml:11:22: error: spec.kustomizations.app.postBuild.substitute.1a: is not a variable name: letters, digits and _, no digit first
    state.yaml:11:29: error: spec.kustomizations.app.postBuild.substitute.a-b: is not a variable name: letters, digits and _, no digit first
    state.yaml:12:44: error: spec.kustomizations.app.postBuild.substituteFrom[0].name: "A" must be 1 to 253 lower-case letters, digits, '-' and '.', each part with a letter or digit at both ends
    "#);
}

#[test]
fn durations_of_the_resource_are_iso_8601() {
    assert_snapshot!(issues(flux("shop") + "  waitForReconciliation: true\n  reconciliationWaitDuration: PT30M\n"), @"
    state.yaml:8:3: warning: spec.waitForReconciliation: has no meaning in a state file, which has no provisioning state (`arcwright agent --once` waits for the configurations)
    state.yaml:9:3: warning: spec.reconciliationWaitDuration: has no meaning in a state file, which has no provisioning state (`arcwright agent --once` waits for the configurations)
    ");
    for wrong in ["30m", "PT0S", "-PT5M", "soon"] {
        let found = issues(flux("shop") + "  reconciliationWaitDuration: " + wrong + "\n");
        assert!(
            found.contains("error: spec.reconciliationWaitDuration: must be an ISO 8601 duration"),
            "{wrong}: {found}"
        );
    }
}

#[test]
fn a_source_control_configuration_is_read_by_its_operator_params() {
    let text = source_control("old")
        + "  operatorNamespace: apps\n  operatorScope: namespace\n  operatorParams: --git-branch=main --git-path=a/b,c,./a/b/ --sync-garbage-collection --git-poll-interval 1m --git-user=me\n";
    let state = loaded(text.as_bytes());
    let one = &state.configurations[0];
    assert_eq!(one.id.to_string(), "apps/old");
    assert_eq!(
        one.kustomizations.iter().map(|k| (k.name.as_str(), k.path.as_str(), k.prune)).collect::<Vec<_>>(),
        [("a-b", "a/b", true), ("c", "c", true)]
    );
    assert_eq!((one.source.interval.as_secs(), one.source.reference.branch.as_deref()), (60, Some("main")));
    assert_eq!(one.ignored, ["--git-user: nothing is ever written to the repository"]);
    assert_eq!(
        state.issues.iter().map(Issue::to_string).collect::<Vec<_>>(),
        ["state.yaml:9:3: warning: spec.operatorParams: --git-user: nothing is ever written to the repository"]
    );
}

#[test]
fn a_source_control_configuration_is_checked_like_the_other_kind() {
    let text = source_control("old").replace("https://example.org/old", "deploy@example.org:old")
        + "  operatorType: flux\n  operatorParams: --git-branch=a..b --git-path=../x --sops --git-brnch=x\n  enableHelmOperator: \"true\"\n";
    assert_snapshot!(issues(&text), @"
    state.yaml:7:3: error: spec.operatorType: must be Flux
    state.yaml:9:3: error: spec.enableHelmOperator: must be a boolean, not a string (write it without quotes)
    ");
    assert_snapshot!(issues(text.replace("flux\n", "Flux\n").replace("\"true\"", "true")), @r#"
    state.yaml:6:3: warning: spec.repositoryUrl: is ssh, and no known hosts are given: the host will be refused (give the output of `ssh-keyscan HOST`, checked against what the host's owner publishes, in base64)
    state.yaml:8:3: error: spec.operatorParams: "../x" must stay inside the repository, with / between directories and no dash at its beginning
    state.yaml:8:3: error: spec.operatorParams: "a..b" cannot be the name of a branch or tag
    state.yaml:8:3: warning: spec.operatorParams: --git-brnch: not a known argument; did you mean --git-branch?
    state.yaml:8:3: error: spec.operatorParams: --sops: encrypted manifests are not decrypted by engine native
    state.yaml:9:3: warning: spec.enableHelmOperator: engine native renders no HelmRelease; they need a Helm operator of their own
    "#);
    assert_snapshot!(issues(source_control("old") + "  helmOperatorProperties: {chartVersion: 1.2.0}\n  sshKnownHostsContents: eA==\n"), @"
    state.yaml:7:3: warning: spec.helmOperatorProperties: engine native renders no HelmRelease; they need a Helm operator of their own
    state.yaml:8:3: error: spec.sshKnownHostsContents: is for ssh, but the url is http(s) (leave it out, or change the url)
    state.yaml:8:3: error: spec.sshKnownHostsContents: line 1 is no known_hosts entry: hosts, key type, key in base64 (use the output of ssh-keyscan)
    ");
}

#[test]
fn an_operator_is_told_what_the_configuration_says() {
    let text = source_control("old")
        + "  engine: flux-v1\n  operatorNamespace: apps\n  operatorInstanceName: flux\n  operatorParams: --git-branch=main --git-path=./a/ --git-poll-interval 1m --disable-registry-scanning\n  enableHelmOperator: true\n  helmOperatorProperties: {chartVersion: 1.2.0, chartValues: --set helm.versions=v3}\n  drift: report\n";
    let state = loaded(text.as_bytes());
    assert_eq!(state.issues, []);
    let one = &state.configurations[0];
    let Engine::FluxV1(operator) = &one.engine else { panic!("it has an operator") };
    let shown = |arguments: &[Argument]| arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!((operator.instance.as_str(), operator.paths.join(",").as_str()), ("flux", "a"));
    assert_eq!(shown(&operator.arguments), "--git-poll-interval=1m --registry-disable-scanning --git-readonly");
    let helm = operator.helm.as_ref().expect("a Helm operator");
    assert_eq!((helm.version.as_deref(), shown(&helm.arguments)), (Some("1.2.0"), "--enabled-helm-versions=v3".into()));
    assert_eq!(one.source.reference.branch.as_deref(), Some("main"));
    let own = &one.kustomizations[..];
    assert!(matches!(own, [own] if own.name == OPERATOR && own.prune && own.drift == DriftPolicy::Report));
}

#[test]
fn what_an_operator_could_not_do_is_refused_before_it_is_installed() {
    let text = source_control("old") + "  engine: flux-v1\n";
    assert_eq!(issues(&text), "");
    let by_ssh = text.replace("https://example.org/old", "git@example.org:old");
    assert_eq!(issues(by_ssh), "", "its image knows some hosts");
    let wrong = text.replace("https://example.org/old", "/srv/old")
        + "  operatorScope: namespace\n  operatorParams: --git-brnch=x --sync-interval=soon --k8s-allow-namespace=a --git-path=../x\n  enableHelmOperator: true\n  helmOperatorProperties: {chartVersion: 0.6.0, chartValues: helm.version=v3}\n";
    assert_snapshot!(issues(wrong), @r#"
    state.yaml:6:3: error: spec.repositoryUrl: is a directory of this machine, which an operator in the cluster does not reach (use https:// or ssh://, or engine native)
    state.yaml:9:3: error: spec.operatorParams: "../x" must stay inside the repository, with / between directories and no dash at its beginning
    state.yaml:9:3: error: spec.operatorParams: --git-brnch is not an argument of a Flux v1 operator; did you mean --git-branch?
    state.yaml:9:3: error: spec.operatorParams: --k8s-allow-namespace: operatorScope: namespace sets it to operatorNamespace
    state.yaml:9:3: error: spec.operatorParams: --sync-interval: "soon" is not a duration such as 90s, 5m or 1h30m
    state.yaml:11:28: error: spec.helmOperatorProperties.chartVersion: "0.6.0" is not a release from 1.0.0 to 1.4.4, as in 1.4.4
    state.yaml:11:49: error: spec.helmOperatorProperties.chartValues: helm.version: is not a value that is installed without the chart; did you mean helm.versions?
    "#);
    let idle = text + "  helmOperatorProperties: {chartVersion: 1.2.0}\n  allowEmpty: true\n";
    assert_snapshot!(issues(idle), @r"
    state.yaml:8:3: warning: spec.helmOperatorProperties: enableHelmOperator is not true
    state.yaml:9:3: warning: spec.allowEmpty: the operator decides that by itself
    ");
    let other = source_control("old") + "  engine: flux-v2\n";
    assert_snapshot!(issues(other), @r"state.yaml:7:3: error: spec.engine: flux-v2 is for a FluxConfiguration (use native or flux-v1, or describe the repository in a FluxConfiguration)");
}

#[test]
fn what_the_flux_controllers_could_not_do_is_refused_and_what_they_do_not_know_is_told() {
    let v2 = |text: &str| of_flux(&format!("  engine: flux-v2\n{text}"));
    for good in [
        "  gitRepository: {url: https://example.org/a, provider: Azure}\n",
        "  sourceKind: OCIRepository\n  ociRepository: {url: oci://example.org/a}\n",
        "  sourceKind: AzureBlob\n  azureBlob: {url: https://a.example.org, containerName: c, accountKey: k}\n",
        "  sourceKind: Bucket\n  bucket: {url: https://s3.example.org, bucketName: b, accessKey: a}\n  protectedSettingsFrom: {bucketSecretKey: {env: TOKEN}}\n",
    ] {
        assert_eq!(v2(good), "", "{good}");
    }
    assert_snapshot!(v2("  gitRepository: {url: /srv/a}\n  kustomizations:\n    app: {allowEmpty: true, drift: report}\n"), @r"
    state.yaml:7:19: error: spec.gitRepository.url: is a directory of this machine, which the controllers in the cluster do not reach (use https:// or ssh://, or engine native)
    state.yaml:9:11: warning: spec.kustomizations.app.allowEmpty: has no meaning for engine flux-v2: the controllers decide that by themselves (leave it out)
    state.yaml:9:29: warning: spec.kustomizations.app.drift: has no meaning for engine flux-v2: the controllers decide that by themselves (leave it out)
    ");
    assert_snapshot!(v2("  sourceKind: Bucket\n  bucket: {url: https://s3.example.org, bucketName: b, accessKey: a}\n  configurationProtectedSettings: {httpsKey: eA==}\n"), @r"
    state.yaml:8:56: error: spec.bucket.accessKey: comes without bucketSecretKey (they come together; give bucketSecretKey in protectedSettingsFrom)
    state.yaml:9:36: warning: spec.configurationProtectedSettings.httpsKey: has no use with this kind of source (leave it out)
    ");
}

#[test]
fn what_a_cluster_added_to_an_object_is_ignored() {
    let text = flux("shop").replace(
        "name: shop",
        "name: shop\n  uid: a\n  resourceVersion: \"1\"\n  generation: 1\n  creationTimestamp: \"2026-01-01T00:00:00Z\"\n  managedFields: []",
    ) + "status:\n  complianceState: Compliant\n  anything: [1]\n";
    assert_eq!(issues(text), "");
}

#[test]
fn secrets_show_nowhere() {
    let text = flux("shop") + "    httpsUser: me\n  protectedSettingsFrom:\n    httpsKey: {env: TOKEN}\n";
    let state = loaded(text.as_bytes());
    assert_eq!(state.issues, []);
    let shown = format!("{state:?}");
    assert!(!shown.contains("hush"), "{shown}");
    assert_snapshot!(issues(text.replace("TOKEN", "OTHER")), @"state.yaml:10:5: error: spec.protectedSettingsFrom.httpsKey: OTHER is not set");
    let inline = flux("shop")
        + "    httpsUser: 5\n  configurationProtectedSettings: {httpsKey: aHVzaA, sshPrivateKey: hush}\n  hush: hush\n  suspend: hush\n";
    let found = issues(inline).replace("spec.hush", "");
    assert!(!found.contains("hush") && !found.contains("aHVzaA"), "{found}");
}

#[test]
fn a_file_that_everyone_can_read_should_hold_no_secrets() {
    use std::os::unix::fs::PermissionsExt as _;
    let inline = flux("shop") + "    httpsUser: me\n  configurationProtectedSettings: {httpsKey: eA==}\n";
    let by_reference = flux("shop") + "    httpsUser: me\n  protectedSettingsFrom: {httpsKey: {env: TOKEN}}\n";
    let with_mode = |text: &str, mode| {
        let directory = directory(&[("a.yaml", text)]);
        let path = directory.path().join("a.yaml");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        load(&[path], &Few).issues.into_iter().map(|issue| (issue.is_error(), issue.message)).collect::<Vec<_>>()
    };
    let warning = (false, "holds secrets, and every user of this machine can read it".to_owned());
    assert_eq!(with_mode(&inline, 0o644), [warning]);
    assert_eq!(with_mode(&inline, 0o640), []);
    assert_eq!(with_mode(&by_reference, 0o644), []);
}
