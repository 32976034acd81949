//! A `FluxConfiguration`.
use super::{
    super::{Problem, secrets::Reader},
    Checked,
    kustomizations::kustomizations,
    names,
    other_sources::source_kind,
    protected::{Protected, protected},
    reference::reference,
    scope, seconds, service_account,
    texts::{certificates, known_hosts},
    transport::{Fields, Forms, resolved, transport, transport_rules},
    unavailable,
};
use crate::{
    api::{self, FluxConfigurationSpec, GitProvider, GitRepository},
    model::configuration::{Configuration, ConfigurationId, Credentials, Engine, Generation, GitSource, SecretRef},
};

const GIT: &str = "spec.gitRepository";
const URL: &str = "spec.gitRepository.url";
const KNOWN_HOSTS: &str = "spec.gitRepository.sshKnownHosts";
const HTTPS_USER: &str = "spec.gitRepository.httpsUser";
const HTTPS_CA_CERT: &str = "spec.gitRepository.httpsCACert";

/// Checks a `FluxConfiguration`. What comes back is of use only when no problem is an error.
pub(in crate::desired) fn flux(
    name: &str,
    spec: &FluxConfigurationSpec,
    secrets: &Reader<'_>,
    problems: &mut Vec<Problem>,
) -> Checked {
    let namespace = spec.namespace.clone().unwrap_or_else(|| "default".to_owned());
    names::subdomain("metadata.name", name, 63, problems);
    names::subdomain("spec.namespace", &namespace, 253, problems);
    if problems.is_empty() && !names::is_namespace(&namespace) {
        problems.push(
            Problem::new("spec.namespace", "is allowed by the resource, but Kubernetes has no namespaces with periods or of more than 63 characters")
                .warning(),
        );
    }
    engine(spec.engine, problems);
    reconciliation_wait(spec, problems);
    source_kind(spec, problems);
    let found = protected(
        spec.configuration_protected_settings.as_ref(),
        spec.protected_settings_from.as_ref(),
        &["sshPrivateKey", "httpsKey", "bucketSecretKey"],
        secrets,
        problems,
    );
    let (source, resolved) = git_source(spec.git_repository.as_ref(), found, secrets, problems);
    let configuration = Configuration {
        id: ConfigurationId { namespace, name: name.to_owned() },
        generation: Generation::Flux,
        engine: Engine::Native,
        scope: scope(spec.scope),
        service_account: service_account(spec.service_account_name.as_ref(), problems),
        suspend: spec.suspend.unwrap_or(false),
        source,
        kustomizations: kustomizations(name, spec, problems),
        ignored: Vec::new(),
        digest: String::new(),
        door: secrets.door().clone(),
        resource_generation: None,
    };
    (configuration, resolved)
}

fn engine(engine: Option<api::Engine>, problems: &mut Vec<Problem>) {
    match engine.unwrap_or_default() {
        api::Engine::Native => {}
        api::Engine::FluxV1 => problems.push(
            Problem::new("spec.engine", "flux-v1 is for a SourceControlConfiguration")
                .hint("use native, or describe the repository in a SourceControlConfiguration"),
        ),
        api::Engine::FluxV2 => unavailable("flux-v2", problems),
    }
}

fn git_source(
    stated: Option<&GitRepository>,
    mut found: Protected,
    secrets: &Reader<'_>,
    problems: &mut Vec<Problem>,
) -> (GitSource, Vec<String>) {
    let none = GitRepository::default();
    let git = stated.unwrap_or(&none);
    let transport = stated.and_then(|git| transport(URL, &git.url, Forms::FluxV2, secrets, problems));
    let reference = reference(&format!("{GIT}.repositoryRef"), git.repository_ref.as_ref(), problems);
    let known_hosts = known_hosts(KNOWN_HOSTS, git.ssh_known_hosts.as_deref(), problems);
    let ca_bundle = certificates(HTTPS_CA_CERT, git.https_ca_cert.as_deref(), problems);
    if let Some(name) = &git.local_auth_ref {
        names::subdomain(&format!("{GIT}.localAuthRef"), name, 253, problems);
        found.refs.push(SecretRef::Whole { name: name.clone() });
    }
    let fields = Fields {
        url: URL,
        known_hosts: git.ssh_known_hosts.as_ref().map(|_| KNOWN_HOSTS),
        https_user: git.https_user.as_ref().map(|_| HTTPS_USER),
        https_ca_cert: git.https_ca_cert.as_ref().map(|_| HTTPS_CA_CERT),
        knows_hosts: false,
    };
    transport_rules(transport, &found, fields, problems);
    user_and_key(git, &found, problems);
    if git.provider.is_some_and(|provider| provider != GitProvider::Generic) {
        problems.push(
            Problem::new(format!("{GIT}.provider"), "has no meaning for engine native, which gets no tokens by itself")
                .hint("give httpsUser and httpsKey, or an ssh key")
                .warning(),
        );
    }
    let source = GitSource {
        allow_local: secrets.may_be_local(),
        url: resolved(&git.url, |path| secrets.resolve(path)),
        reference,
        credentials: Credentials {
            bearer_token: None,
            user: git.https_user.clone(),
            password: found.password,
            ssh_private_key: found.key,
            known_hosts,
            ca_bundle,
        },
        secret_refs: found.refs,
        timeout: seconds(git.timeout_in_seconds),
        interval: seconds(git.sync_interval_in_seconds),
    };
    (source, found.resolved)
}

/// User and key for https come together; a Secret of `localAuthRef` can complete either.
fn user_and_key(git: &GitRepository, found: &Protected, problems: &mut Vec<Problem>) {
    if git.local_auth_ref.is_some() {
        return;
    }
    match (git.https_user.is_some(), found.field_of("httpsKey")) {
        (false, Some(_)) => {
            problems.push(Problem::new(HTTPS_USER, "is missing beside httpsKey").hint("they come together"));
        }
        (true, None) => problems.push(
            Problem::new(HTTPS_USER, "comes without httpsKey")
                .hint("they come together; give httpsKey in protectedSettingsFrom"),
        ),
        (true, Some(_)) | (false, None) => {}
    }
}

/// These two belong to the ARM resource's life, of which a state file has none.
fn reconciliation_wait(spec: &FluxConfigurationSpec, problems: &mut Vec<Problem>) {
    if let Some(text) = &spec.reconciliation_wait_duration {
        let span = jiff::fmt::temporal::SpanParser::new().parse_span(text);
        if !span.is_ok_and(jiff::Span::is_positive) {
            problems.push(
                Problem::new("spec.reconciliationWaitDuration", "must be an ISO 8601 duration of more than nothing")
                    .hint("for example PT30M"),
            );
        }
    }
    let fields = [
        ("waitForReconciliation", spec.wait_for_reconciliation == Some(true)),
        ("reconciliationWaitDuration", spec.reconciliation_wait_duration.is_some()),
    ];
    for (name, _) in fields.iter().filter(|(_, is_given)| *is_given) {
        problems.push(
            Problem::new(format!("spec.{name}"), "has no meaning in a state file, which has no provisioning state")
                .hint("`arcwright agent --once` waits for the configurations")
                .warning(),
        );
    }
}
