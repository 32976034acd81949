//! A `SourceControlConfiguration`.
use super::{
    super::{
        Problem,
        operator_params::{self, OperatorParams},
        secrets::Reader,
    },
    Checked, drift, names, operator,
    protected::{Protected, protected},
    scope, seconds, service_account,
    texts::known_hosts,
    transport::{Fields, Forms, Transport, resolved, transport, transport_rules},
    work::{Ignored, PARAMS, Work, check_places},
};
use crate::{
    api::{self, SourceControlConfigurationSpec},
    model::configuration::{
        Configuration, ConfigurationId, Credentials, Engine, Generation, GitSource, Kustomization, Reference,
    },
};
use std::collections::BTreeMap;

const URL: &str = "spec.repositoryUrl";
const KNOWN_HOSTS: &str = "spec.sshKnownHostsContents";

/// Checks a `SourceControlConfiguration`. What comes back is of use only when no problem is an error.
pub(in crate::desired) fn source_control(
    name: &str,
    spec: &SourceControlConfigurationSpec,
    secrets: &Reader<'_>,
    problems: &mut Vec<Problem>,
) -> Checked {
    let namespace = spec.operator_namespace.clone().unwrap_or_else(|| "default".to_owned());
    names::subdomain("metadata.name", name, 63, problems);
    names::label("spec.operatorNamespace", &namespace, problems);
    instance_name(name, spec.operator_instance_name.as_deref(), problems);
    let found = protected(
        spec.configuration_protected_settings.as_ref(),
        spec.protected_settings_from.as_ref(),
        &["sshPrivateKey", "httpsUser", "httpsKey"],
        secrets,
        problems,
    );
    user_and_key(&found, problems);
    let work = match spec.engine.unwrap_or_default() {
        api::Engine::Native => native(spec, problems),
        api::Engine::FluxV1 => operator::work(name, spec, problems),
        api::Engine::FluxV2 => {
            problems.push(
                Problem::new("spec.engine", "flux-v2 is for a FluxConfiguration")
                    .hint("use native or flux-v1, or describe the repository in a FluxConfiguration"),
            );
            native(spec, problems)
        }
    };
    problems.extend(work.ignored.iter().map(Ignored::problem));
    let (source, resolved) = git_source(spec, &work, found, secrets, problems);
    let configuration = Configuration {
        id: ConfigurationId { namespace, name: name.to_owned() },
        generation: Generation::SourceControl,
        engine: work.engine,
        scope: scope(spec.operator_scope),
        service_account: service_account(spec.service_account_name.as_ref(), problems),
        suspend: false,
        source,
        kustomizations: work.kustomizations,
        ignored: work.ignored.iter().map(Ignored::in_full).collect(),
        digest: String::new(),
        door: secrets.door().clone(),
        resource: None,
        revision: None,
    };
    (configuration, resolved)
}

fn native(spec: &SourceControlConfigurationSpec, problems: &mut Vec<Problem>) -> Work {
    let params = operator_params::parse(spec.operator_params.as_deref().unwrap_or_default());
    problems.extend(params.errors.iter().map(|error| Problem::new(PARAMS, error.clone())));
    check_places(&params.branch, &params.paths, problems);
    Work {
        engine: Engine::Native,
        kustomizations: kustomizations(spec, &params),
        ignored: ignored(&params, spec),
        timeout: params.timeout.unwrap_or(seconds(None)),
        interval: params.poll_interval,
        branch: params.branch,
    }
}

/// The instance is called like the configuration when nothing is said, and may be shorter than that.
fn instance_name(name: &str, instance: Option<&str>, problems: &mut Vec<Problem>) {
    let field = "spec.operatorInstanceName";
    match instance {
        Some(instance) => names::label(field, instance, problems),
        None if names::is_short_label(name) => {}
        None => problems.push(
            Problem::new(field, "is missing, and the configuration's name cannot stand for it: it is longer than 23 characters or has periods")
                .hint("give operatorInstanceName"),
        ),
    }
}

fn user_and_key(found: &Protected, problems: &mut Vec<Problem>) {
    if let (Some(field), None) | (None, Some(field)) = (found.field_of("httpsUser"), found.field_of("httpsKey")) {
        problems.push(Problem::new(field, "stands alone, but httpsUser and httpsKey must come together"));
    }
}

/// Checks what stands in the arguments and names something in the repository.
fn ignored(params: &OperatorParams, spec: &SourceControlConfigurationSpec) -> Vec<Ignored> {
    let of_params = params.ignored.iter().map(|(argument, why)| Ignored {
        field: PARAMS,
        argument: Some(argument.clone()),
        why: why.clone(),
    });
    let helm = match (spec.enable_helm_operator, &spec.helm_operator_properties) {
        (Some(true), _) => Some("spec.enableHelmOperator"),
        (_, Some(_)) => Some("spec.helmOperatorProperties"),
        (_, None) => None,
    };
    let why = "engine native renders no HelmRelease; they need a Helm operator of their own";
    of_params.chain(helm.map(|field| Ignored { field, argument: None, why: why.to_owned() })).collect()
}

/// One kustomization a directory; the only one has no name.
fn kustomizations(spec: &SourceControlConfigurationSpec, params: &OperatorParams) -> Vec<Kustomization> {
    let paths = if params.paths.is_empty() { vec![String::new()] } else { params.paths.clone() };
    let mut made: Vec<Kustomization> = Vec::new();
    for path in &paths {
        let name = if paths.len() == 1 { String::new() } else { unique(path, &made) };
        made.push(Kustomization {
            name,
            path: path.clone(),
            depends_on: Vec::new(),
            timeout: params.sync_timeout.unwrap_or(seconds(None)),
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
    made
}

/// A name after a directory that none before it has.
fn unique(path: &str, others: &[Kustomization]) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let stem: String = path.chars().map(letter).collect();
    let stem = Some(stem.trim_matches('-')).filter(|stem| !stem.is_empty()).unwrap_or("root").to_owned();
    let is_free = |name: &String| others.iter().all(|other| other.name != *name);
    std::iter::once(stem.clone()).chain((2..).map(|number| format!("{stem}-{number}"))).find(is_free).unwrap_or(stem)
}

fn git_source(
    spec: &SourceControlConfigurationSpec,
    work: &Work,
    found: Protected,
    secrets: &Reader<'_>,
    problems: &mut Vec<Problem>,
) -> (GitSource, Vec<String>) {
    let transport = transport(URL, &spec.repository_url, Forms::FluxV1, secrets, problems);
    let is_operator = matches!(work.engine, Engine::FluxV1(_));
    if is_operator && transport == Some(Transport::Local) {
        problems.push(
            Problem::new(URL, "is a directory of this machine, which an operator in the cluster does not reach")
                .hint("use https:// or ssh://, or engine native"),
        );
    }
    let known_hosts = known_hosts(KNOWN_HOSTS, spec.ssh_known_hosts_contents.as_deref(), problems);
    let fields = Fields {
        url: URL,
        known_hosts: spec.ssh_known_hosts_contents.as_ref().map(|_| KNOWN_HOSTS),
        knows_hosts: is_operator,
        ..Fields::default()
    };
    transport_rules(transport, &found, fields, problems);
    let source = GitSource {
        allow_local: secrets.may_be_local() && !is_operator,
        url: resolved(&spec.repository_url, |path| secrets.resolve(path)),
        reference: Reference { branch: Some(work.branch.clone()), ..Reference::default() },
        credentials: Credentials {
            bearer_token: None,
            user: found.user,
            password: found.password,
            ssh_private_key: found.key,
            known_hosts,
            ca_bundle: None,
        },
        secret_refs: found.refs,
        timeout: work.timeout,
        interval: work.interval,
    };
    (source, found.resolved)
}
