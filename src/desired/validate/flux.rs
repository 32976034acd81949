//! A `FluxConfiguration`.
use super::{
    super::{Problem, secrets::Reader},
    Checked, drift, flux_v2,
    kustomizations::kustomizations,
    names, operator,
    other_sources::source_kind,
    protected::{BUCKET_KEY, Protected, protected},
    reference::reference,
    scope, seconds, service_account,
    texts::{certificates, known_hosts},
    transport::{Fields, Forms, Transport, resolved, transport, transport_rules},
};
use crate::{
    api::{self, FluxConfigurationSpec, GitProvider, GitRepository, SourceKind},
    model::{
        configuration::{
            Configuration, ConfigurationId, Credentials, Engine, Generation, GitSource, Kustomization, SecretRef,
            Setting,
        },
        flux::FluxV2,
    },
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
    let is_native = is_native(spec.engine, problems);
    reconciliation_wait(spec, problems);
    source_kind(spec, is_native, problems);
    let found = protected(
        spec.configuration_protected_settings.as_ref(),
        spec.protected_settings_from.as_ref(),
        &["sshPrivateKey", "httpsKey", BUCKET_KEY],
        secrets,
        problems,
    );
    let (source, resolved) = if is_native || spec.source_kind.unwrap_or_default() == SourceKind::GitRepository {
        git_source(spec.git_repository.as_ref(), is_native, found, secrets, problems)
    } else {
        flux_v2::address(spec, found, problems)
    };
    let stated = kustomizations(name, spec, problems);
    let mut work = Work { engine: Engine::Native, source, kustomizations: stated, ignored: Vec::new() };
    if !is_native {
        work = of_flux_v2(spec, work, problems);
    }
    let configuration = Configuration {
        id: ConfigurationId { namespace, name: name.to_owned() },
        generation: Generation::Flux,
        engine: work.engine,
        scope: scope(spec.scope),
        service_account: service_account(spec.service_account_name.as_ref(), problems),
        suspend: spec.suspend.unwrap_or(false),
        source: work.source,
        kustomizations: work.kustomizations,
        ignored: work.ignored,
        digest: String::new(),
        door: secrets.door().clone(),
        resource: None,
        revision: None,
    };
    (configuration, resolved)
}

/// What an engine makes of the specification.
struct Work {
    engine: Engine,
    source: GitSource,
    kustomizations: Vec<Kustomization>,
    ignored: Vec<String>,
}

/// The controllers do the work of what is stated; the agent's own is one kustomization of what they are told.
fn of_flux_v2(spec: &FluxConfigurationSpec, work: Work, problems: &mut Vec<Problem>) -> Work {
    let Work { source, kustomizations: stated, .. } = work;
    let ignored = flux_v2::ignored(spec, problems);
    let flux = FluxV2 {
        source: flux_v2::source(spec, problems),
        interval: source.interval,
        timeout: source.timeout,
        kustomizations: stated,
    };
    Work {
        engine: Engine::FluxV2(Box::new(flux)),
        // The agent looks for new Secrets, and at the controllers; these look at the source.
        source: GitSource { allow_local: false, interval: operator::INTERVAL, ..source },
        kustomizations: vec![operator::own(drift(spec.drift))],
        ignored,
    }
}

fn is_native(engine: Option<api::Engine>, problems: &mut Vec<Problem>) -> bool {
    match engine.unwrap_or_default() {
        api::Engine::Native => true,
        api::Engine::FluxV2 => false,
        api::Engine::FluxV1 => {
            problems.push(
                Problem::new("spec.engine", "flux-v1 is for a SourceControlConfiguration")
                    .hint("use native or flux-v2, or describe the repository in a SourceControlConfiguration"),
            );
            true
        }
    }
}

fn git_source(
    stated: Option<&GitRepository>,
    is_native: bool,
    mut found: Protected,
    secrets: &Reader<'_>,
    problems: &mut Vec<Problem>,
) -> (GitSource, Vec<String>) {
    let none = GitRepository::default();
    let git = stated.unwrap_or(&none);
    let transport = stated.and_then(|git| transport(URL, &git.url, Forms::FluxV2, secrets, problems));
    if !is_native && transport == Some(Transport::Local) {
        problems.push(
            Problem::new(URL, "is a directory of this machine, which the controllers in the cluster do not reach")
                .hint("use https:// or ssh://, or engine native"),
        );
    }
    if let Some(field) = found.field_of(BUCKET_KEY) {
        problems.push(Problem::new(field, "has no use with a Git repository").hint("leave it out").warning());
        found.refs.retain(|one| !matches!(one, SecretRef::Entry { setting: Setting::BucketSecretKey, .. }));
    }
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
    if is_native && git.provider.is_some_and(|provider| provider != GitProvider::Generic) {
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
