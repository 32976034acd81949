//! The state file door: a YAML stream of configurations, in a file or a directory of them.
use super::{DesiredState, Issue};
use crate::{
    api::{self, FluxConfigurationSpec},
    model::configuration::{
        Configuration, ConfigurationId, Credentials, DriftPolicy, Generation, GitSource, Kustomization, Reference, Scope, SubstituteFrom,
    },
    yaml,
};
use base64::Engine as _;
use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Time between looks at the files.
const POLL: Duration = Duration::from_millis(500);

/// Where secrets that a file refers to come from.
pub trait SecretSource: Send + Sync {
    /// The value of an environment variable.
    fn environment(&self, name: &str) -> Option<String>;
}

/// The process's own environment.
#[derive(Debug)]
pub struct Environment;

impl SecretSource for Environment {
    fn environment(&self, name: &str) -> Option<String> {
        std::env::var_os(name)?.into_string().ok()
    }
}

/// Reads every configuration in files and directories (`*.yaml`, `*.yml`, `*.json`, not below).
///
/// What is wrong becomes an issue; everything else is used. Two documents of one name: the first is.
pub fn load(paths: &[PathBuf], secrets: &dyn SecretSource) -> DesiredState {
    load_over(&DesiredState::default(), paths, secrets)
}

/// Reads, and keeps the last good form of what cannot be read any more.
fn load_over(before: &DesiredState, paths: &[PathBuf], secrets: &dyn SecretSource) -> DesiredState {
    let mut found: BTreeMap<ConfigurationId, Configuration> = BTreeMap::new();
    let mut issues = Vec::new();
    for file in paths.iter().flat_map(|path| files(path)) {
        let issue = |location, document, message: String| Issue { file: file.clone(), location, document, message };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                issues.push(issue(None, None, format!("cannot be read: {error}")));
                continue;
            }
        };
        let documents = match yaml::read(&text) {
            Ok(documents) => documents,
            Err(error) => {
                let location = if let yaml::Error::Syntax { location, .. } = &error { *location } else { None };
                issues.push(issue(location, None, error.to_string()));
                continue;
            }
        };
        for (number, document) in documents.iter().enumerate() {
            match configuration(document, secrets) {
                Ok(configuration) if found.contains_key(&configuration.id) => {
                    issues.push(issue(None, Some(number), format!("configuration {} is stated twice; the first one is used", configuration.id)));
                }
                Ok(configuration) => drop(found.insert(configuration.id.clone(), configuration)),
                Err(message) => issues.push(issue(None, Some(number), message)),
            }
        }
    }
    if !issues.is_empty() {
        for kept in &before.configurations {
            found.entry(kept.id.clone()).or_insert_with(|| kept.clone());
        }
    }
    DesiredState { configurations: found.into_values().collect(), issues }
}

fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let is_state = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json") && path.is_file();
    let mut all: Vec<PathBuf> = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).filter(is_state).collect();
    all.sort();
    all
}

/// Follows the files until cancelled. Something broken keeps its last good form.
pub async fn watch(paths: Vec<PathBuf>, secrets: Arc<dyn SecretSource>, cancel: CancellationToken) -> tokio::sync::watch::Receiver<Arc<DesiredState>> {
    let read = move |before: Arc<DesiredState>| {
        let (paths, secrets) = (paths.clone(), Arc::clone(&secrets));
        async move { tokio::task::spawn_blocking(move || load_over(&before, &paths, secrets.as_ref())).await.unwrap_or_default() }
    };
    let first = read(Arc::default()).await;
    let (state_tx, state_rx) = tokio::sync::watch::channel(Arc::new(first));
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(POLL);
        loop {
            tokio::select! {
                // Cancel-safe: a tick that was not taken comes again.
                _ = tick.tick() => {}
                () = cancel.cancelled() => return,
            }
            let before = Arc::clone(&state_tx.borrow());
            let state = read(Arc::clone(&before)).await;
            let digests = |state: &DesiredState| state.configurations.iter().map(|one| one.digest.clone()).collect::<Vec<_>>();
            if digests(&state) != digests(&before) || state.issues != before.issues {
                state_tx.send_replace(Arc::new(state));
            }
        }
    });
    state_rx
}

fn configuration(document: &Value, secrets: &dyn SecretSource) -> Result<Configuration, String> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if text("/apiVersion") != api::API_VERSION {
        return Err(format!("apiVersion: must be {}", api::API_VERSION));
    }
    let name = text("/metadata/name").to_owned();
    check_name("metadata.name", &name, 63)?;
    let spec = document.get("spec").cloned().unwrap_or_default();
    let digest: String = Sha256::digest(document.to_string()).iter().map(|byte| format!("{byte:02x}")).collect();
    let known = |fields: &[&str]| -> Result<(), String> {
        let unknown = spec.as_object().into_iter().flatten().map(|(key, _)| key).find(|key| !fields.contains(&key.as_str()));
        unknown.map_or(Ok(()), |key| Err(format!("spec.{key}: no such field")))
    };
    match text("/kind") {
        "FluxConfiguration" => {
            known(&["scope", "namespace", "sourceKind", "suspend", "gitRepository", "bucket", "azureBlob", "ociRepository", "kustomizations", "configurationProtectedSettings", "protectedSettingsFrom", "waitForReconciliation", "reconciliationWaitDuration", "engine", "drift"])?;
            flux(name, &serde_json::from_value(spec.clone()).map_err(|error| format!("spec: {error}"))?, digest, secrets)
        }
        "SourceControlConfiguration" => Err("kind: SourceControlConfiguration is not part of this build; write a FluxConfiguration".to_owned()),
        kind => Err(format!("kind: {kind:?} is not one of FluxConfiguration, SourceControlConfiguration")),
    }
}

fn check_name(field: &str, name: &str, most: usize) -> Result<(), String> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.is_empty() || name.len() > most || !name.chars().all(is_inner) || !name.starts_with(is_edge) || !name.ends_with(is_edge) {
        return Err(format!("{field}: {name:?} must be 1 to {most} lower-case letters, digits, '-' or '.', with a letter or digit at both ends"));
    }
    Ok(())
}

fn secret(spec: &FluxConfigurationSpec, key: &str, secrets: &dyn SecretSource) -> Result<Option<SecretString>, String> {
    if let Some(value) = spec.configuration_protected_settings.iter().flatten().find(|(name, _)| *name == key).map(|(_, value)| value) {
        let bytes = base64::engine::general_purpose::STANDARD.decode(value.trim()).ok().ok_or_else(|| format!("spec.configurationProtectedSettings.{key}: must be base64"))?;
        return String::from_utf8(bytes).map(|text| Some(text.into())).ok().ok_or_else(|| format!("spec.configurationProtectedSettings.{key}: must be text in base64"));
    }
    let field = format!("spec.protectedSettingsFrom.{key}");
    match spec.protected_settings_from.iter().flatten().find(|(name, _)| *name == key).map(|(_, from)| from) {
        None => Ok(None),
        Some(api::SecretFrom { file: Some(file), .. }) => {
            std::fs::read_to_string(file).map(|text| Some(text.trim_end_matches('\n').to_owned().into())).map_err(|error| format!("{field}.file: {file} cannot be read: {error}"))
        }
        Some(api::SecretFrom { env: Some(name), .. }) => secrets.environment(name).map(|text| Some(text.into())).ok_or_else(|| format!("{field}.env: {name} is not set")),
        Some(_) => Err(format!("{field}: give file or env")),
    }
}

fn flux(name: String, spec: &FluxConfigurationSpec, digest: String, secrets: &dyn SecretSource) -> Result<Configuration, String> {
    if spec.engine.is_some_and(|engine| engine != api::Engine::Native) {
        return Err("spec.engine: only native is part of this build".to_owned());
    }
    if spec.source_kind.is_some_and(|kind| kind != api::SourceKind::GitRepository) {
        return Err("spec.sourceKind: only GitRepository is part of this build".to_owned());
    }
    let namespace = spec.namespace.clone().unwrap_or_else(|| "default".to_owned());
    check_name("spec.namespace", &namespace, 253)?;
    let git = spec.git_repository.clone().ok_or("spec.gitRepository: is required")?;
    let decode = |field: &str, value: &Option<String>| -> Result<Option<String>, String> {
        let Some(value) = value else { return Ok(None) };
        let bytes = base64::engine::general_purpose::STANDARD.decode(value.trim()).ok().ok_or_else(|| format!("{field}: must be base64"))?;
        String::from_utf8(bytes).map(Some).ok().ok_or_else(|| format!("{field}: must be text in base64"))
    };
    let reference = git.repository_ref.clone().unwrap_or_default();
    if reference.commit.is_some() && reference.branch.is_none() {
        return Err("spec.gitRepository.repositoryRef.commit: must come with a branch".to_owned());
    }
    let seconds = |value: Option<u32>| Duration::from_secs(u64::from(value.unwrap_or(600)));
    let policy = |own: Option<api::Drift>| match own.or(spec.drift).unwrap_or_default() {
        api::Drift::Correct => DriftPolicy::Correct,
        api::Drift::Report => DriftPolicy::Report,
    };
    let stated = spec.kustomizations.clone().unwrap_or_else(|| BTreeMap::from([("kustomization-1".to_owned(), api::KustomizationSpec::default())]));
    let names: BTreeSet<String> = stated.keys().cloned().collect();
    let mut kustomizations = Vec::new();
    for (key, one) in stated {
        let field = format!("spec.kustomizations.{key}");
        check_name(&field, &key, 63)?;
        let path = one.path.unwrap_or_default();
        if path.split('/').any(|part| part == "..") || path.starts_with('-') {
            return Err(format!("{field}.path: must stay inside the repository and not start with a dash"));
        }
        let depends_on = one.depends_on.unwrap_or_default();
        if let Some(missing) = depends_on.iter().find(|name| !names.contains(*name)) {
            return Err(format!("{field}.dependsOn: there is no kustomization {missing:?}"));
        }
        let build = one.post_build.unwrap_or_default();
        kustomizations.push(Kustomization {
            name: key,
            path,
            depends_on,
            timeout: seconds(one.timeout_in_seconds),
            interval: seconds(one.sync_interval_in_seconds),
            retry_interval: one.retry_interval_in_seconds.map(|value| Duration::from_secs(value.into())),
            prune: one.prune.unwrap_or(false),
            force: one.force.unwrap_or(false),
            wait: one.wait.unwrap_or(true),
            allow_empty: one.allow_empty.unwrap_or(false),
            drift: policy(one.drift),
            substitute: build.substitute.unwrap_or_default(),
            substitute_from: build.substitute_from.unwrap_or_default().into_iter().map(|from| SubstituteFrom {
                kind: match from.kind {
                    api::SubstituteKind::ConfigMap => "ConfigMap",
                    api::SubstituteKind::Secret => "Secret",
                }
                .to_owned(),
                name: from.name,
                optional: from.optional.unwrap_or(false),
            }).collect(),
        });
    }
    Ok(Configuration {
        id: ConfigurationId { namespace, name },
        generation: Generation::Flux,
        scope: match spec.scope.unwrap_or_default() {
            api::ScopeType::Cluster => Scope::Cluster,
            api::ScopeType::Namespace => Scope::Namespace,
        },
        suspend: spec.suspend.unwrap_or(false),
        source: GitSource {
            url: git.url.clone(),
            reference: Reference { branch: reference.branch, tag: reference.tag, semver: reference.semver, commit: reference.commit },
            credentials: Credentials {
                user: git.https_user.clone(),
                password: secret(spec, "httpsKey", secrets)?,
                ssh_private_key: secret(spec, "sshPrivateKey", secrets)?,
                known_hosts: decode("spec.gitRepository.sshKnownHosts", &git.ssh_known_hosts)?,
                ca_bundle: decode("spec.gitRepository.httpsCACert", &git.https_ca_cert)?,
            },
            timeout: seconds(git.timeout_in_seconds),
            interval: seconds(git.sync_interval_in_seconds),
        },
        kustomizations,
        ignored: Vec::new(),
        digest,
    })
}
