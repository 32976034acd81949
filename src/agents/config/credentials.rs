//! What proves to a repository who is asking: what the configuration itself says, completed from Secrets, or
//! from a key that was made for it.
//!
//! Secrets are read at each look at the repository, so a change counts after `syncIntervalInSeconds` at the
//! latest, and a visit without a look reads none. What the configuration says itself comes first.
use super::{Context, status::Phase};
use crate::{
    cluster::{ClusterError, SecretEntries},
    flux::v2::Lack,
    model::configuration::{Configuration, Credentials, GitSource, SecretRef, Setting},
    source::{
        Artifact, FetchError,
        git::{RepoUrl, public_key_of},
    },
};
use secrecy::{ExposeSecret as _, SecretString};
use std::{collections::BTreeMap, time::Duration};
use tokio_util::sync::CancellationToken;

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what each field is")]
pub enum SourceError {
    /// The repository was asked.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The cluster, which holds the credentials, did not give them.
    #[error("credentials cannot be read")]
    Cluster(#[from] ClusterError),
    /// The cluster did not give what an operator is made with.
    #[error("what the engine needs cannot be read or made")]
    Operator(#[source] ClusterError),
    /// The Flux controllers of the cluster cannot be used.
    #[error(transparent)]
    Flux(#[from] Lack),
    /// The agent is about to install what is missing.
    #[error("the Flux controllers are being installed in namespace {namespace}")]
    FluxComing { namespace: String },
    /// A Secret that is referred to is not there.
    #[error("Secret {namespace}/{name} with the credentials is not there; create it, or correct {field}")]
    SecretMissing { namespace: String, name: String, field: &'static str },
    /// A Secret that is referred to has not the entry, or not a usable one.
    #[error("Secret {namespace}/{name} {why}")]
    SecretUnusable { namespace: String, name: String, why: String },
    /// There is no key, and none is made by a command that only looks.
    #[error("no key was made for the repository yet: that is done by `arcwright agent`; or give sshPrivateKey")]
    NoKeyYet,
}

impl SourceError {
    /// The condition's reason, and the metric's label: a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.reason(),
            Self::Operator(error) if error.is_forbidden() => "Forbidden",
            Self::Cluster(error) | Self::Operator(error) => error.reason(),
            Self::Flux(lack) => lack.reason(),
            Self::FluxComing { .. } => "FluxInstalling",
            Self::SecretMissing { .. } => "SecretNotFound",
            Self::SecretUnusable { .. } => "SecretInvalid",
            Self::NoKeyYet => "AuthenticationFailed",
        }
    }

    /// Whether trying again can help when nothing in the configuration has changed. A Secret may come, or be mended.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_transient(),
            Self::Cluster(error) | Self::Operator(error) => error.is_transient(),
            // Somebody may install or upgrade Flux.
            Self::Flux(_) | Self::FluxComing { .. } => true,
            Self::SecretMissing { .. } | Self::SecretUnusable { .. } | Self::NoKeyYet => true,
        }
    }

    /// Where a configuration stands whose source failed so.
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::FluxComing { .. } => Phase::Progressing,
            _ if self.is_transient() => Phase::Failing,
            _ => Phase::Stalled,
        }
    }
}

/// What to do about a key that was not made yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// Make it.
    Make,
    /// Leave it: the command only looks.
    Leave,
}

/// Completes the credentials, and fetches.
///
/// # Errors
/// When a Secret is missing or not usable, or as [`GitCache::fetch`](crate::source::GitCache::fetch).
///
/// # Cancellation
/// May be dropped; a key that was being made is found again, or made again.
pub(super) async fn fetch(
    ctx: &Context,
    configuration: &Configuration,
    no_key: NoKey,
    freshness: Duration,
    cancel: &CancellationToken,
) -> Result<Artifact, SourceError> {
    let source = complete(ctx, configuration, no_key).await?;
    Ok(ctx.sources.fetch(&source, freshness, cancel).await?)
}

/// Completes the credentials, and makes a key where one is needed and there is none.
pub(super) async fn complete(
    ctx: &Context,
    configuration: &Configuration,
    no_key: NoKey,
) -> Result<GitSource, SourceError> {
    let mut source = configuration.source.clone();
    let mut secrets: BTreeMap<&str, SecretEntries> = BTreeMap::new();
    let namespace = &configuration.id.namespace;
    for reference in &configuration.source.secret_refs {
        let name = name_of(reference);
        if !secrets.contains_key(name) {
            let found = ctx.cluster.secret(namespace, name).await?;
            let missing = || SourceError::SecretMissing {
                namespace: namespace.clone(),
                name: name.to_owned(),
                field: field_of(reference),
            };
            secrets.insert(name, found.ok_or_else(missing)?);
        }
    }
    let is_ssh = is_ssh(&source);
    for reference in &configuration.source.secret_refs {
        let name = name_of(reference);
        let Some(entries) = secrets.get(name) else { continue };
        add(&mut source.credentials, reference, entries, is_ssh).map_err(|why| SourceError::SecretUnusable {
            namespace: namespace.clone(),
            name: name.to_owned(),
            why,
        })?;
    }
    if needs_key(&source) {
        let key = match no_key {
            NoKey::Make => ctx.cluster.keys.find_or_make(&configuration.id).await?,
            NoKey::Leave => ctx.cluster.keys.find(&configuration.id).await?.ok_or(SourceError::NoKeyYet)?,
        };
        ctx.cluster.keys.remember(&configuration.id, key.public);
        source.credentials.ssh_private_key = Some(key.private);
    } else if let Some(public) = source.credentials.ssh_private_key.as_ref().and_then(|key| public_key_of(key).ok()) {
        ctx.cluster.keys.remember(&configuration.id, public);
    }
    Ok(source)
}

fn name_of(reference: &SecretRef) -> &str {
    let (SecretRef::Whole { name } | SecretRef::Entry { name, .. }) = reference;
    name
}

fn field_of(reference: &SecretRef) -> &'static str {
    match reference {
        SecretRef::Whole { .. } => "localAuthRef",
        SecretRef::Entry { .. } => "protectedSettingsFrom",
    }
}

fn is_ssh(source: &GitSource) -> bool {
    RepoUrl::parse(&source.url, source.allow_local).is_ok_and(|url| url.is_ssh())
}

/// Whether a repository is reached by ssh, and no key was given nor is one to come from a Secret.
///
/// Source: the configuration's `repositoryPublicKey`, which is of a key made in the cluster when none is given.
fn needs_key(source: &GitSource) -> bool {
    let may_bring_key = |reference: &SecretRef| match reference {
        SecretRef::Whole { .. } => true,
        SecretRef::Entry { setting, .. } => *setting == Setting::SshPrivateKey,
    };
    is_ssh(source) && source.credentials.ssh_private_key.is_none() && !source.secret_refs.iter().any(may_bring_key)
}

/// Fills in what is not said yet. The error reads after the name of the Secret, and holds no value.
fn add(
    credentials: &mut Credentials,
    reference: &SecretRef,
    entries: &SecretEntries,
    is_ssh: bool,
) -> Result<(), String> {
    match reference {
        SecretRef::Whole { .. } => add_all(credentials, entries, is_ssh),
        SecretRef::Entry { setting, key, .. } => {
            let value = entries.text.get(key).ok_or_else(|| lacks(entries, key))?.clone();
            match setting {
                Setting::SshPrivateKey => fill(&mut credentials.ssh_private_key, Some(value)),
                Setting::HttpsUser => fill(&mut credentials.user, Some(line(&value))),
                Setting::HttpsKey | Setting::BucketSecretKey => {
                    fill(&mut credentials.password, Some(line(&value).into()));
                }
            }
            Ok(())
        }
    }
}

/// Takes a Secret in the form that Flux knows.
///
/// Source: the `secretRef` of Flux's GitRepository: `username` and `password`, or `bearerToken`, or `identity`
/// and `known_hosts`; `ca.crt`, formerly `caFile`, for https.
fn add_all(credentials: &mut Credentials, entries: &SecretEntries, is_ssh: bool) -> Result<(), String> {
    let own = |key: &str| entries.text.get(key).cloned();
    if is_ssh {
        if credentials.ssh_private_key.is_none() && own("identity").is_none() {
            return Err(lacks(entries, "identity"));
        }
        fill(&mut credentials.ssh_private_key, own("identity"));
        fill(&mut credentials.known_hosts, own("known_hosts").map(|text| text.expose_secret().to_owned()));
        return Ok(());
    }
    let (user, password) = (own("username"), own("password"));
    let (token, authority) = (own("bearerToken"), own("ca.crt").or_else(|| own("caFile")));
    if user.is_some() != password.is_some() {
        return Err(lacks(entries, if user.is_some() { "password" } else { "username" }));
    }
    if user.is_none() && token.is_none() && authority.is_none() {
        return Err(lacks(entries, "username and password, bearerToken or ca.crt"));
    }
    if credentials.password.is_none() {
        fill(&mut credentials.user, user.map(|text| line(&text)));
        fill(&mut credentials.password, password.map(|text| line(&text).into()));
        fill(&mut credentials.bearer_token, token.map(|text| line(&text).into()));
    }
    fill(&mut credentials.ca_bundle, authority.map(|text| text.expose_secret().to_owned()));
    Ok(())
}

fn fill<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

/// A value without the line end that files and `echo` leave.
fn line(value: &SecretString) -> String {
    value.expose_secret().trim_end_matches(['\r', '\n']).to_owned()
}

fn lacks(entries: &SecretEntries, key: &str) -> String {
    if entries.binary.iter().any(|binary| binary == key) {
        return format!("has {key}, but not as text");
    }
    let have: Vec<&str> = entries.text.keys().chain(&entries.binary).map(String::as_str).collect();
    let have = if have.is_empty() { "nothing".to_owned() } else { have.join(", ") };
    format!("has no {key}; it has {have}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::configuration::Reference;

    fn entries(pairs: &[(&str, &str)]) -> SecretEntries {
        let text = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned().into())).collect();
        SecretEntries { text, binary: vec!["photo".to_owned()] }
    }

    fn whole() -> SecretRef {
        SecretRef::Whole { name: "auth".to_owned() }
    }

    fn added(pairs: &[(&str, &str)], is_ssh: bool) -> Result<Credentials, String> {
        let mut credentials = Credentials::default();
        add(&mut credentials, &whole(), &entries(pairs), is_ssh).map(|()| credentials)
    }

    fn secret(value: Option<&SecretString>) -> Option<&str> {
        value.map(secrecy::ExposeSecret::expose_secret)
    }

    #[test]
    fn a_secret_in_fluxs_form_gives_what_its_transport_needs() {
        let https =
            added(&[("username", "me\n"), ("password", "word\r\n"), ("ca.crt", "PEM"), ("identity", "x")], false);
        let https = https.expect("credentials");
        assert_eq!((https.user.as_deref(), secret(https.password.as_ref())), (Some("me"), Some("word")));
        assert_eq!(https.ca_bundle.as_deref(), Some("PEM"));
        assert!(https.ssh_private_key.is_none());
        let token = added(&[("bearerToken", "abc\n")], false).expect("credentials");
        assert_eq!(secret(token.bearer_token.as_ref()), Some("abc"));
        assert!(added(&[("caFile", "PEM")], false).is_ok_and(|found| found.ca_bundle.as_deref() == Some("PEM")));
        let ssh = added(&[("identity", "KEY\n"), ("known_hosts", "host x y")], true).expect("credentials");
        assert_eq!(secret(ssh.ssh_private_key.as_ref()), Some("KEY\n"));
        assert_eq!(ssh.known_hosts.as_deref(), Some("host x y"));
    }

    #[test]
    fn what_a_secret_lacks_is_named_and_its_values_are_not() {
        for (pairs, is_ssh, says) in [
            (&[("username", "s3cret")][..], false, "has no password; it has username, photo"),
            (&[("password", "s3cret")], false, "has no username; it has password, photo"),
            (
                &[("identity", "s3cret")],
                false,
                "has no username and password, bearerToken or ca.crt; it has identity, photo",
            ),
            (&[("password", "s3cret")], true, "has no identity; it has password, photo"),
        ] {
            assert_eq!(added(pairs, is_ssh).err().as_deref(), Some(says));
        }
        let entry =
            |key: &str| SecretRef::Entry { setting: Setting::HttpsKey, name: "auth".to_owned(), key: key.to_owned() };
        let mut credentials = Credentials::default();
        let binary = add(&mut credentials, &entry("photo"), &entries(&[]), false);
        assert_eq!(binary.err().as_deref(), Some("has photo, but not as text"));
        assert!(add(&mut credentials, &entry("token"), &entries(&[("token", "abc\n")]), false).is_ok());
        assert_eq!(secret(credentials.password.as_ref()), Some("abc"));
    }

    #[test]
    fn what_the_configuration_says_itself_comes_first() {
        let mut credentials = Credentials {
            user: Some("own".to_owned()),
            password: Some("own".to_owned().into()),
            ca_bundle: Some("own".to_owned()),
            ..Credentials::default()
        };
        let all = entries(&[("username", "x"), ("password", "x"), ("bearerToken", "x"), ("ca.crt", "x")]);
        add(&mut credentials, &whole(), &all, false).expect("added");
        assert_eq!(credentials.user.as_deref(), Some("own"));
        assert_eq!(secret(credentials.password.as_ref()), Some("own"));
        assert!(credentials.bearer_token.is_none(), "a token would come before the password");
        assert_eq!(credentials.ca_bundle.as_deref(), Some("own"));
    }

    #[test]
    fn a_key_is_made_only_for_ssh_and_only_when_none_is_given() {
        let source = |url: &str, key: Option<&str>, secret_refs: Vec<SecretRef>| GitSource {
            url: url.to_owned(),
            allow_local: false,
            reference: Reference::default(),
            credentials: Credentials {
                ssh_private_key: key.map(|key| key.to_owned().into()),
                ..Credentials::default()
            },
            secret_refs,
            timeout: Duration::ZERO,
            interval: Duration::ZERO,
        };
        let entry = |setting| SecretRef::Entry { setting, name: "a".to_owned(), key: "b".to_owned() };
        assert!(needs_key(&source("git@example.org:a", None, Vec::new())));
        assert!(needs_key(&source("ssh://example.org/a", None, vec![entry(Setting::HttpsUser)])));
        assert!(!needs_key(&source("git@example.org:a", Some("key"), Vec::new())));
        assert!(!needs_key(&source("git@example.org:a", None, vec![whole()])));
        assert!(!needs_key(&source("git@example.org:a", None, vec![entry(Setting::SshPrivateKey)])));
        assert!(!needs_key(&source("https://example.org/a", None, Vec::new())));
        assert!(!needs_key(&source("/srv/a", None, Vec::new())));
    }
}
