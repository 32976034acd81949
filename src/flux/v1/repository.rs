//! How an operator reaches its repository, and what it says of it.
use super::Installation;
use crate::model::{Manifest, configuration::Credentials};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Annotation, on the Secret with the key, that names the commit that a reading operator has synced.
///
/// Source: the daemon of Flux v1 with `--sync-state=secret`, which `--git-readonly` implies.
const MARK: &str = "flux.weave.works/sync-hwm";
/// Variable with the user, and entry of the Secret that it comes from.
pub(super) const USER: &str = "GIT_AUTHUSER";
/// Variable with the password or token, and entry of the Secret that it comes from.
pub(super) const KEY: &str = "GIT_AUTHKEY";

/// The commit that a live Secret says has been synced.
pub fn synced_commit(secret: &Map<String, Value>) -> Option<&str> {
    let mark = secret.get("metadata")?.get("annotations")?.get(MARK)?.as_str()?;
    let is_commit = mark.len() == 40 && mark.chars().all(|c| c.is_ascii_hexdigit());
    is_commit.then_some(mark)
}

/// Secrets and known hosts.
///
/// The Secret with the key is there even when no key is needed: the operator leaves its mark on it.
pub(super) fn manifests(installation: &Installation<'_>) -> Vec<Manifest> {
    let Credentials { ssh_private_key, known_hosts, .. } = &installation.source.credentials;
    let identity = ssh_private_key.as_ref().map(|key| json!({"identity": STANDARD.encode(key.expose_secret())}));
    let mut all = vec![secret(installation, &installation.key_secret(), identity)];
    if let Some((user, key)) = login(installation) {
        let entries = json!({USER: STANDARD.encode(user), KEY: STANDARD.encode(key)});
        all.push(secret(installation, &login_secret(installation), Some(entries)));
    }
    if let Some(text) = known_hosts {
        let data = json!({"data": {"known_hosts": text}});
        all.push(installation.namespaced("v1", "ConfigMap", &known_hosts_map(installation), data));
    }
    all
}

fn secret(installation: &Installation<'_>, name: &str, entries: Option<Value>) -> Manifest {
    let rest = match entries {
        Some(entries) => json!({"type": "Opaque", "data": entries}),
        None => json!({"type": "Opaque"}),
    };
    installation.namespaced("v1", "Secret", name, rest)
}

/// Name of the Secret with user and password.
pub(super) fn login_secret(installation: &Installation<'_>) -> String {
    installation.named("git-auth")
}

/// Name of the ConfigMap with the known hosts.
pub(super) fn known_hosts_map(installation: &Installation<'_>) -> String {
    installation.named("known-hosts")
}

/// User and password, fit for an address.
pub(super) fn login(installation: &Installation<'_>) -> Option<(String, String)> {
    let Credentials { user, password, .. } = &installation.source.credentials;
    let password = password.as_ref()?;
    Some((encoded(user.as_deref().unwrap_or("git")), encoded(password.expose_secret())))
}

/// Changes with user and password, so that pods are made anew. Too short to tell one guess from another.
pub(super) fn login_mark(user: &str, key: &str) -> String {
    let digest = Sha256::digest(format!("{user}:{key}"));
    crate::hex::hex(&digest[..2])
}

/// The address that the operator is given: user and password are variables of its pod.
pub(super) fn address(installation: &Installation<'_>) -> String {
    let url = &installation.source.url;
    let plain = verbatim(url);
    let Some((scheme, rest)) = plain.split_once("://").filter(|_| login(installation).is_some()) else { return plain };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://$({USER}):$({KEY})@{host}/{path}")
}

/// A text that Kubernetes passes on as it is: `$(NAME)` would become a variable.
pub(super) fn verbatim(text: &str) -> String {
    text.replace("$(", "$$(")
}

/// Everything but letters, digits and `-._~` as `%` and its value.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
