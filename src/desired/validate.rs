//! The rules that the types of a configuration cannot say.
//!
//! Source: the public ARM resources and the rules of their command line client.
use super::{Problem, SecretSource, operator_params};
use crate::{
    api::{self, FluxConfigurationSpec, ProtectedSettingsFrom, SourceControlConfigurationSpec},
    model::configuration::{
        Configuration, ConfigurationId, Credentials, DriftPolicy, Generation, GitSource, Kustomization, Reference,
        Scope, SecretRef, Setting, SubstituteFrom,
    },
};
use base64::Engine as _;
use secrecy::{ExposeSecret as _, SecretString};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

/// A configuration, and the values of the secrets that were resolved for it.
type Checked = (Configuration, Vec<String>);

const KEY_MESSAGE: &str = "Verify the key provided is a valid PEM-formatted key of type RSA, ECC, DSA, or Ed25519";

/// Checks a `FluxConfiguration`. What comes back is of use only when no problem is an error.
pub(super) fn flux(
    name: &str,
    spec: &FluxConfigurationSpec,
    secrets: &dyn SecretSource,
    problems: &mut Vec<Problem>,
) -> Checked {
    let namespace = spec.namespace.clone().unwrap_or_else(|| "default".to_owned());
    subdomain("metadata.name", name, 63, problems);
    subdomain("spec.namespace", &namespace, 253, problems);
    engine(spec.engine, problems);
    if let Some(kind) = spec.source_kind.filter(|kind| *kind != api::SourceKind::GitRepository) {
        problems.push(
            Problem::new("spec.sourceKind", format!("{kind:?} is not fetched by engine native"))
                .hint("use GitRepository"),
        );
    }
    let git = spec.git_repository.clone().unwrap_or_default();
    if spec.git_repository.is_none() {
        problems.push(Problem::new("spec.gitRepository", "is missing"));
    }
    let transport = url("spec.gitRepository.url", &git.url, problems);
    let reference = git.repository_ref.clone().unwrap_or_default();
    let reference =
        Reference { branch: reference.branch, tag: reference.tag, semver: reference.semver, commit: reference.commit };
    check_reference(&reference, problems);
    let mut found = protected(
        spec.configuration_protected_settings.as_ref(),
        spec.protected_settings_from.as_ref(),
        &["sshPrivateKey", "httpsKey", "bucketSecretKey"],
        secrets,
        problems,
    );
    let known_hosts = decoded("spec.gitRepository.sshKnownHosts", git.ssh_known_hosts.as_deref(), problems);
    known_hosts_lines("spec.gitRepository.sshKnownHosts", known_hosts.as_deref(), problems);
    if let Some(user) = git.https_user.clone() {
        if transport == Some(Transport::Ssh) {
            problems.push(Problem::new("spec.gitRepository.httpsUser", "is for https, but the url is ssh"));
        }
        found.user = Some(user);
    }
    transport_rules(transport, &found, known_hosts.is_some().then_some("spec.gitRepository.sshKnownHosts"), problems);
    if found.password.is_some() && found.user.is_none() {
        problems.push(
            Problem::new("spec.gitRepository.httpsUser", "is missing beside httpsKey").hint("they come together"),
        );
    }
    if let Some(name) = &git.local_auth_ref {
        subdomain("spec.gitRepository.localAuthRef", name, 253, problems);
        found.refs.push(SecretRef::Whole { name: name.clone() });
    }
    let ca_bundle = decoded("spec.gitRepository.httpsCACert", git.https_ca_cert.as_deref(), problems);
    if ca_bundle.as_deref().is_some_and(|text| !text.contains("-----BEGIN CERTIFICATE-----")) {
        problems.push(Problem::new("spec.gitRepository.httpsCACert", "holds no PEM certificate"));
    }
    let kustomizations = kustomizations(name, spec, problems);
    let configuration = Configuration {
        id: ConfigurationId { namespace, name: name.to_owned() },
        generation: Generation::Flux,
        scope: scope(spec.scope),
        suspend: spec.suspend.unwrap_or(false),
        source: GitSource {
            url: git.url,
            allow_local: true,
            reference: or_master(reference),
            credentials: Credentials {
                user: found.user,
                password: found.password,
                bearer_token: None,
                ssh_private_key: found.key,
                known_hosts,
                ca_bundle,
            },
            secret_refs: found.refs,
            timeout: seconds("spec.gitRepository.timeoutInSeconds", git.timeout_in_seconds, problems),
            interval: seconds("spec.gitRepository.syncIntervalInSeconds", git.sync_interval_in_seconds, problems),
        },
        kustomizations,
        ignored: Vec::new(),
        digest: String::new(),
    };
    (configuration, found.resolved)
}

/// Checks a `SourceControlConfiguration`. What comes back is of use only when no problem is an error.
pub(super) fn source_control(
    name: &str,
    spec: &SourceControlConfigurationSpec,
    secrets: &dyn SecretSource,
    problems: &mut Vec<Problem>,
) -> Checked {
    let namespace = spec.operator_namespace.clone().unwrap_or_else(|| "default".to_owned());
    let instance = spec.operator_instance_name.clone().unwrap_or_else(|| name.chars().take(23).collect());
    subdomain("metadata.name", name, 63, problems);
    label("spec.operatorNamespace", &namespace, problems);
    if spec.operator_instance_name.is_some() {
        label("spec.operatorInstanceName", &instance, problems);
    }
    engine(spec.engine, problems);
    let transport = url("spec.repositoryUrl", &spec.repository_url, problems);
    let found = protected(
        spec.configuration_protected_settings.as_ref(),
        spec.protected_settings_from.as_ref(),
        &["sshPrivateKey", "httpsUser", "httpsKey"],
        secrets,
        problems,
    );
    let has = |setting| {
        found.refs.iter().any(|one| matches!(one, SecretRef::Entry { setting: other, .. } if *other == setting))
    };
    if (found.user.is_some() || has(Setting::HttpsUser)) != (found.password.is_some() || has(Setting::HttpsKey)) {
        problems.push(Problem::new("spec.configurationProtectedSettings", "httpsUser and httpsKey must come together"));
    }
    let known_hosts = decoded("spec.sshKnownHostsContents", spec.ssh_known_hosts_contents.as_deref(), problems);
    known_hosts_lines("spec.sshKnownHostsContents", known_hosts.as_deref(), problems);
    transport_rules(transport, &found, known_hosts.is_some().then_some("spec.sshKnownHostsContents"), problems);
    let params = operator_params::parse(spec.operator_params.as_deref().unwrap_or_default());
    problems.extend(params.errors.iter().map(|error| Problem::new("spec.operatorParams", error.clone())));
    let mut ignored = params.ignored.clone();
    if spec.enable_helm_operator == Some(true) {
        ignored.push(
            "enableHelmOperator: engine native renders no HelmRelease; they need a Helm operator of their own"
                .to_owned(),
        );
    }
    problems.extend(ignored.iter().map(|text| Problem::new("spec.operatorParams", text.clone()).warning()));
    check_reference(&Reference { branch: Some(params.branch.clone()), ..Reference::default() }, problems);
    let paths = if params.paths.is_empty() { vec![String::new()] } else { params.paths.clone() };
    let mut kustomizations: Vec<Kustomization> = Vec::new();
    for path in &paths {
        inside("spec.operatorParams", path, problems);
        let stem: String =
            path.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
        let stem = stem.trim_matches('-').to_owned();
        let mut unique = if paths.len() == 1 { String::new() } else { stem.clone() };
        let mut number = 2;
        while kustomizations.iter().any(|other| other.name == unique) {
            unique = format!("{stem}-{number}");
            number += 1;
        }
        kustomizations.push(Kustomization {
            name: unique,
            path: path.clone(),
            depends_on: Vec::new(),
            timeout: Duration::from_secs(600),
            interval: params.sync_interval,
            retry_interval: None,
            prune: params.garbage_collection,
            force: false,
            wait: false,
            allow_empty: spec.allow_empty.unwrap_or(false),
            drift: drift(spec.drift),
            substitute: BTreeMap::new(),
            substitute_from: Vec::new(),
        });
    }
    let configuration = Configuration {
        id: ConfigurationId { namespace, name: name.to_owned() },
        generation: Generation::SourceControl,
        scope: scope(spec.operator_scope),
        suspend: false,
        source: GitSource {
            url: spec.repository_url.clone(),
            allow_local: true,
            reference: Reference { branch: Some(params.branch), ..Reference::default() },
            credentials: Credentials {
                user: found.user,
                password: found.password,
                bearer_token: None,
                ssh_private_key: found.key,
                known_hosts,
                ca_bundle: None,
            },
            secret_refs: found.refs,
            timeout: params.timeout.unwrap_or(Duration::from_secs(600)),
            interval: params.poll_interval,
        },
        kustomizations,
        ignored,
        digest: String::new(),
    };
    (configuration, found.resolved)
}

fn kustomizations(name: &str, spec: &FluxConfigurationSpec, problems: &mut Vec<Problem>) -> Vec<Kustomization> {
    let mut stated = spec.kustomizations.clone().unwrap_or_default();
    if stated.is_empty() {
        stated.insert("kustomization-1".to_owned(), api::KustomizationSpec::default());
    }
    let mut all = Vec::new();
    for (key, one) in &stated {
        let field = format!("spec.kustomizations.{key}");
        subdomain(&field, key, 63, problems);
        if name.len() + key.len() > 62 {
            problems.push(Problem::new(
                &field,
                format!(
                    "{key} and the configuration's name {name} are {} characters together, and may be 62",
                    name.len() + key.len()
                ),
            ));
        }
        let path = one.path.clone().unwrap_or_default();
        inside(&format!("{field}.path"), &path, problems);
        let depends_on = one.depends_on.clone().unwrap_or_default();
        for other in depends_on.iter().filter(|other| !stated.contains_key(*other)) {
            problems.push(
                Problem::new(format!("{field}.dependsOn"), format!("there is no kustomization {other}"))
                    .hint(format!("there are: {}", stated.keys().cloned().collect::<Vec<_>>().join(", "))),
            );
        }
        let build = one.post_build.clone().unwrap_or_default();
        for variable in build.substitute.iter().flatten().map(|(variable, _)| variable) {
            let is_name = variable
                .chars()
                .enumerate()
                .all(|(at, c)| c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit()));
            if variable.is_empty() || !is_name {
                problems.push(Problem::new(
                    format!("{field}.postBuild.substitute.{variable}"),
                    "is not a variable name: letters, digits and _, no digit first",
                ));
            }
        }
        all.push(Kustomization {
            name: key.clone(),
            path,
            depends_on,
            timeout: seconds(&format!("{field}.timeoutInSeconds"), one.timeout_in_seconds, problems),
            interval: seconds(&format!("{field}.syncIntervalInSeconds"), one.sync_interval_in_seconds, problems),
            retry_interval: one.retry_interval_in_seconds.map(|value| Duration::from_secs(u64::from(value.max(1)))),
            prune: one.prune.unwrap_or(false),
            force: one.force.unwrap_or(false),
            wait: one.wait.unwrap_or(true),
            allow_empty: one.allow_empty.unwrap_or(false),
            drift: drift(one.drift.or(spec.drift)),
            substitute: build.substitute.unwrap_or_default(),
            substitute_from: build
                .substitute_from
                .unwrap_or_default()
                .into_iter()
                .map(|from| SubstituteFrom {
                    kind: match from.kind {
                        api::SubstituteKind::ConfigMap => "ConfigMap",
                        api::SubstituteKind::Secret => "Secret",
                    }
                    .to_owned(),
                    name: from.name,
                    optional: from.optional.unwrap_or(false),
                })
                .collect(),
        });
    }
    if let Some(cycle) = cycle(&all) {
        problems
            .push(Problem::new(format!("spec.kustomizations.{cycle}.dependsOn"), "depends on itself by way of others"));
    }
    all
}

/// A kustomization that depends on itself, if there is one.
fn cycle(all: &[Kustomization]) -> Option<String> {
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    loop {
        let is_free = |one: &&Kustomization| {
            one.depends_on
                .iter()
                .all(|name| settled.contains(name.as_str()) || !all.iter().any(|other| other.name == *name))
        };
        let ready: Vec<&str> = all
            .iter()
            .filter(|one| !settled.contains(one.name.as_str()))
            .filter(is_free)
            .map(|one| one.name.as_str())
            .collect();
        if ready.is_empty() {
            return all.iter().find(|one| !settled.contains(one.name.as_str())).map(|one| one.name.clone());
        }
        settled.extend(ready);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Http,
    Ssh,
    Local,
}

/// What a url is fetched by. Files and plain paths are allowed, since this door is the machine's own.
fn url(field: &str, url: &str, problems: &mut Vec<Problem>) -> Option<Transport> {
    if url.is_empty() {
        problems.push(Problem::new(field, "is missing"));
        return None;
    }
    match crate::source::git::RepoUrl::parse(url, true) {
        Ok(url) if url.is_ssh() => Some(Transport::Ssh),
        Ok(url) if url.is_local() => Some(Transport::Local),
        Ok(_) => Some(Transport::Http),
        Err(why) => {
            problems.push(Problem::new(field, why.to_string()));
            None
        }
    }
}

fn transport_rules(
    transport: Option<Transport>,
    found: &Protected,
    known_hosts: Option<&str>,
    problems: &mut Vec<Problem>,
) {
    let has = |setting| {
        found.refs.iter().any(|one| matches!(one, SecretRef::Entry { setting: other, .. } if *other == setting))
    };
    match transport {
        Some(Transport::Http) => {
            if found.key.is_some() || has(Setting::SshPrivateKey) {
                problems.push(Problem::new(
                    "spec.configurationProtectedSettings.sshPrivateKey",
                    "is for ssh, but the url is http(s)",
                ));
            }
            if let Some(field) = known_hosts {
                problems.push(Problem::new(field, "is for ssh, but the url is http(s)"));
            }
        }
        Some(Transport::Ssh) => {
            if found.password.is_some() || has(Setting::HttpsKey) {
                problems.push(Problem::new(
                    "spec.configurationProtectedSettings.httpsKey",
                    "is for https, but the url is ssh",
                ));
            }
            if known_hosts.is_none() && !found.refs.iter().any(|one| matches!(one, SecretRef::Whole { .. })) {
                problems.push(
                    Problem::new("spec", "the url is ssh and no known hosts are given: the host will be refused")
                        .hint("give the output of `ssh-keyscan HOST`, checked against what the host's owner publishes, in base64")
                        .warning(),
                );
            }
        }
        Some(Transport::Local) | None => {}
    }
}

#[derive(Default)]
struct Protected {
    user: Option<String>,
    password: Option<SecretString>,
    key: Option<SecretString>,
    refs: Vec<SecretRef>,
    resolved: Vec<String>,
}

fn protected(
    inline: Option<&BTreeMap<String, String>>,
    from: Option<&ProtectedSettingsFrom>,
    known: &[&str],
    secrets: &dyn SecretSource,
    problems: &mut Vec<Problem>,
) -> Protected {
    let mut found = Protected::default();
    let mut values: Vec<(String, String, SecretString)> = Vec::new();
    let unknown = |field: String, name: &str| {
        let problem = Problem::new(field, "is not a known setting");
        match super::check::near(name, known) {
            Some(near) => problem.hint(format!("did you mean {near}?")),
            None => problem.hint(format!("there are: {}", known.join(", "))),
        }
    };
    for (name, value) in inline.into_iter().flatten() {
        let field = format!("spec.configurationProtectedSettings.{name}");
        if !known.contains(&name.as_str()) {
            problems.push(unknown(field, name));
            continue;
        }
        if let Some(text) = decoded(&field, Some(value), problems) {
            values.push((name.clone(), field, text.into()));
        }
    }
    for (name, from) in from.into_iter().flatten() {
        let field = format!("spec.protectedSettingsFrom.{name}");
        if !known.contains(&name.as_str()) {
            problems.push(unknown(field, name));
            continue;
        }
        if inline.is_some_and(|inline| inline.contains_key(name)) {
            problems
                .push(Problem::new(field, "is given in configurationProtectedSettings too").hint("keep one of them"));
            continue;
        }
        let value = match (&from.file, &from.env, &from.secret_ref) {
            (Some(file), None, None) => secrets.file(Path::new(file)),
            (None, Some(name), None) => secrets.env(name),
            (None, None, Some(entry)) => {
                let setting = match name.as_str() {
                    "sshPrivateKey" => Setting::SshPrivateKey,
                    "httpsUser" => Setting::HttpsUser,
                    _ => Setting::HttpsKey,
                };
                found.refs.push(SecretRef::Entry { setting, name: entry.name.clone(), key: entry.key.clone() });
                continue;
            }
            _ => Err("needs exactly one of file, env and secretRef".to_owned()),
        };
        match value {
            Ok(value) => {
                found.resolved.push(value.expose_secret().to_owned());
                values.push((name.clone(), field, value));
            }
            Err(why) => problems.push(Problem::new(field, why)),
        }
    }
    for (name, field, value) in values {
        match name.as_str() {
            "httpsUser" => found.user = Some(value.expose_secret().trim_end().to_owned()),
            "httpsKey" => found.password = Some(value.expose_secret().trim_end_matches(['\r', '\n']).to_owned().into()),
            "sshPrivateKey" => {
                if let Err(why) = private_key(value.expose_secret()) {
                    problems.push(Problem::new(field, why));
                }
                found.key = Some(value);
            }
            _ => problems.push(Problem::new(field, "has no use with a Git repository").warning()),
        }
    }
    found
}

/// Whether a text is a private key that ssh can use without a passphrase.
fn private_key(text: &str) -> Result<(), String> {
    if text.contains("ENCRYPTED") {
        return Err("the key is encrypted; give one without a passphrase".to_owned());
    }
    let body = |begin: &str, end: &str| {
        Some(
            text.split_once(begin)?
                .1
                .split_once(end)?
                .0
                .split_whitespace()
                .filter(|line| !line.contains(':'))
                .collect::<String>(),
        )
    };
    if text.contains("-----BEGIN OPENSSH PRIVATE KEY-----") {
        return match ssh_key::PrivateKey::from_openssh(text.trim_start()) {
            Ok(key) if key.is_encrypted() => Err("the key is encrypted; give one without a passphrase".to_owned()),
            Ok(_) => Ok(()),
            Err(_) => Err(KEY_MESSAGE.to_owned()),
        };
    }
    let is_pem = ["RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "PRIVATE KEY"].iter().any(|kind| {
        body(&format!("-----BEGIN {kind}-----"), &format!("-----END {kind}-----"))
            .is_some_and(|body| !body.is_empty() && base64::engine::general_purpose::STANDARD.decode(body).is_ok())
    });
    if is_pem { Ok(()) } else { Err(KEY_MESSAGE.to_owned()) }
}

fn decoded(field: &str, value: Option<&str>, problems: &mut Vec<Problem>) -> Option<String> {
    let value = value?;
    let compact: String = value.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    if text.is_none() {
        problems.push(Problem::new(field, "must be base64 of a text").hint("make it with `base64 -w0 FILE`"));
    }
    text
}

/// Source: sshd(8), the known_hosts file format.
fn known_hosts_lines(field: &str, text: Option<&str>, problems: &mut Vec<Problem>) {
    for (number, line) in text.into_iter().flat_map(str::lines).enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace().peekable();
        if words.peek().is_some_and(|word| word.starts_with('@')) {
            words.next();
        }
        let (_hosts, kind, key) = (words.next(), words.next(), words.next());
        let is_entry = kind.is_some_and(|kind| kind.contains('-'))
            && key.is_some_and(|key| {
                base64::engine::general_purpose::STANDARD.decode(key).is_ok_and(|bytes| bytes.len() > 4)
            });
        if !is_entry {
            problems.push(
                Problem::new(
                    field,
                    format!("line {} is no known_hosts entry: hosts, key type, key in base64", number + 1),
                )
                .hint("use the output of ssh-keyscan"),
            );
        }
    }
}

fn check_reference(reference: &Reference, problems: &mut Vec<Problem>) {
    let at = |name: &str| format!("spec.gitRepository.repositoryRef.{name}");
    for (name, value) in [("branch", &reference.branch), ("tag", &reference.tag)] {
        if let Some(value) = value {
            let is_bad = value.is_empty()
                || value.starts_with('-')
                || value.contains("..")
                || value.contains([' ', '~', '^', ':', '?', '*', '[', '\\'])
                || value.contains(char::is_control)
                || value.ends_with('/')
                || value.ends_with(".lock");
            if is_bad {
                problems.push(Problem::new(at(name), format!("{value:?} is not a reference name")));
            }
        }
    }
    if let Some(commit) = &reference.commit {
        if commit.len() != 40 || !commit.chars().all(|c| c.is_ascii_hexdigit()) {
            problems.push(Problem::new(at("commit"), "must be 40 hexadecimal digits"));
        }
        if reference.branch.is_none() {
            problems.push(Problem::new(at("commit"), "must come with the branch that it is on").hint("add branch"));
        }
    }
    if let Some(range) = &reference.semver
        && let Err(why) = crate::source::git::Range::parse(range)
    {
        problems.push(Problem::new(at("semver"), why));
    }
}

fn or_master(reference: Reference) -> Reference {
    if reference == Reference::default() {
        Reference { branch: Some("master".to_owned()), ..reference }
    } else {
        reference
    }
}

fn engine(engine: Option<api::Engine>, problems: &mut Vec<Problem>) {
    let name = match engine.unwrap_or_default() {
        api::Engine::Native => return,
        api::Engine::FluxV1 => "flux-v1",
        api::Engine::FluxV2 => "flux-v2",
    };
    problems.push(
        Problem::new("spec.engine", format!("{name} is not available in this version"))
            .hint("use native, which does the same work itself"),
    );
}

fn scope(scope: Option<api::ScopeType>) -> Scope {
    match scope.unwrap_or_default() {
        api::ScopeType::Cluster => Scope::Cluster,
        api::ScopeType::Namespace => Scope::Namespace,
    }
}

fn drift(drift: Option<api::Drift>) -> DriftPolicy {
    match drift.unwrap_or_default() {
        api::Drift::Correct => DriftPolicy::Correct,
        api::Drift::Report => DriftPolicy::Report,
    }
}

fn seconds(field: &str, value: Option<u32>, problems: &mut Vec<Problem>) -> Duration {
    if value == Some(0) {
        problems.push(Problem::new(field, "must be at least 1"));
    }
    Duration::from_secs(u64::from(value.unwrap_or(600)))
}

fn inside(field: &str, path: &str, problems: &mut Vec<Problem>) {
    if path.split('/').any(|part| part == "..") || path.starts_with('-') || path.contains(['\\', '\0']) {
        problems
            .push(Problem::new(field, format!("{path:?} must stay inside the repository, and not begin with a dash")));
    }
}

/// DNS-1123 subdomain.
fn subdomain(field: &str, name: &str, most: usize, problems: &mut Vec<Problem>) {
    let is_part = |part: &str| {
        part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    if name.len() > most || !name.split('.').all(is_part) {
        problems.push(Problem::new(field, format!("{name:?} must be 1 to {most} lower-case letters, digits, '-' and '.', each part with a letter or digit at both ends")));
    }
}

/// A name of the Flux v1 generation: no periods, at most 23 characters.
fn label(field: &str, name: &str, problems: &mut Vec<Problem>) {
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.is_empty()
        || name.len() > 23
        || !name.chars().all(|c| is_edge(c) || c == '-')
        || !name.starts_with(is_edge)
        || !name.ends_with(is_edge)
    {
        problems.push(Problem::new(
            field,
            format!("{name:?} must be 1 to 23 lower-case letters, digits and '-', with a letter or digit at both ends"),
        ));
    }
}
