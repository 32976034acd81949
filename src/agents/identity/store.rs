//! Where the identity is kept, and the onboarding key comes from.
use crate::{
    cloud::{CertificateKey, Identity},
    cluster::{Kept, Vault, VaultError},
};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::PathBuf;

/// What the identity is kept as.
///
/// Source: names and the entry of the expiration time are those of the first agents; the other entries are Arcwright's own.
pub const SECRET: &str = "azure-identity-certificate";
/// The Secret with the onboarding key, in its entry `privateKey`.
pub const ONBOARDING_SECRET: &str = "azure-arc-connect-privatekey";

const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "privateKey";
const EXPIRATION: &str = "azure-identity-certificate-expiration-time";
const RENEW_AFTER: &str = "renewAfter";
const CLIENT_ID: &str = "clientId";
const TENANT_ID: &str = "tenantId";
const TOKEN_ENDPOINT: &str = "tokenEndpoint";
const CLUSTER: &str = "resourceId";
/// Key of an enrolment whose answer has not been seen.
const PENDING: &str = "pendingPrivateKey";

/// Largest file with a key, in bytes.
const MAX_KEY: u64 = 64 << 10;

/// Where the onboarding key comes from.
#[derive(Clone, Debug)]
pub enum Onboarding {
    /// The Secret of that purpose in the agent's own namespace.
    Secret,
    /// A file.
    File(PathBuf),
}

/// Why the onboarding key cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum OnboardingError {
    #[error("the Secret {ONBOARDING_SECRET} cannot be read")]
    Vault(#[from] VaultError),
    #[error("there is no Secret {ONBOARDING_SECRET} with an entry {PRIVATE_KEY}; `arcwright connect` makes it")]
    Missing,
    #[error("the onboarding key in {} cannot be read", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Where the identity is kept.
pub(super) struct Store {
    pub(super) vault: Vault,
    pub(super) onboarding: Onboarding,
}

impl Store {
    /// The identity of a cluster, and the key of an enrolment whose answer was not seen.
    pub(super) async fn load(&self, cluster: &str) -> Result<(Option<Identity>, Option<CertificateKey>), VaultError> {
        let Some(kept) = self.vault.read(SECRET).await? else { return Ok((None, None)) };
        if !text(&kept, CLUSTER).is_some_and(|of| of.eq_ignore_ascii_case(cluster)) {
            tracing::info!(secret = SECRET, "the identity that is kept is that of another cluster, and is not used");
            return Ok((None, None));
        }
        let pending = text(&kept, PENDING).and_then(|key| CertificateKey::from_pem(&key.into()).ok());
        let identity = identity(&kept, cluster);
        if identity.is_none() && pending.is_none() {
            tracing::warn!(secret = SECRET, place = %self.vault, "the identity that is kept lacks entries, and is not used");
        }
        Ok((identity, pending))
    }

    /// Keeps an identity, and the key of an enrolment that is about to be tried.
    pub(super) async fn keep(
        &self,
        cluster: &str,
        identity: Option<&Identity>,
        pending: Option<&CertificateKey>,
    ) -> Result<(), VaultError> {
        let mut kept = Kept::from([(CLUSTER.to_owned(), cluster.as_bytes().to_vec())]);
        let mut put = |key: &str, value: &str| drop(kept.insert(key.to_owned(), value.as_bytes().to_vec()));
        if let Some(identity) = identity {
            put(CERTIFICATE, &identity.certificate);
            put(PRIVATE_KEY, identity.key.expose_secret());
            put(EXPIRATION, &format!("{:.0}", identity.expires));
            put(RENEW_AFTER, &format!("{:.0}", identity.renew_after));
            put(CLIENT_ID, &identity.client_id);
            put(TENANT_ID, &identity.tenant_id);
            put(TOKEN_ENDPOINT, &identity.token_endpoint);
        }
        if let Some(pending) = pending {
            put(PENDING, pending.private().expose_secret());
        }
        self.vault.write(SECRET, &kept, None).await
    }

    /// The onboarding key, in PEM.
    pub(super) async fn onboarding_key(&self) -> Result<SecretString, OnboardingError> {
        match &self.onboarding {
            Onboarding::Secret => {
                let kept = self.vault.read(ONBOARDING_SECRET).await?;
                let key = kept.and_then(|kept| text(&kept, PRIVATE_KEY)).filter(|key| !key.trim().is_empty());
                key.map(SecretString::from).ok_or(OnboardingError::Missing)
            }
            Onboarding::File(path) => {
                let file = path.clone();
                let read = tokio::task::spawn_blocking(move || {
                    use std::io::Read as _;
                    let mut text = String::new();
                    std::fs::File::open(file)?.take(MAX_KEY).read_to_string(&mut text)?;
                    Ok(SecretString::from(text))
                });
                let read = read.await.map_err(std::io::Error::other).and_then(|read| read);
                read.map_err(|source| OnboardingError::File { path: path.clone(), source })
            }
        }
    }
}

fn text(kept: &Kept, key: &str) -> Option<String> {
    kept.get(key).and_then(|value| String::from_utf8(value.clone()).ok())
}

fn identity(kept: &Kept, cluster: &str) -> Option<Identity> {
    Some(Identity {
        cluster: cluster.to_owned(),
        certificate: text(kept, CERTIFICATE)?,
        key: text(kept, PRIVATE_KEY)?.into(),
        expires: text(kept, EXPIRATION)?.parse().ok()?,
        renew_after: text(kept, RENEW_AFTER)?.parse().ok()?,
        client_id: text(kept, CLIENT_ID)?,
        tenant_id: text(kept, TENANT_ID)?,
        token_endpoint: text(kept, TOKEN_ENDPOINT)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Identity {
        Identity {
            cluster: "/clusters/A".into(),
            certificate: "PEM".into(),
            key: "S3CRET".into(),
            expires: jiff::Timestamp::from_second(1_800_000_000).expect("a time"),
            renew_after: jiff::Timestamp::from_second(1_790_000_000).expect("a time"),
            client_id: "client".into(),
            tenant_id: "tenant".into(),
            token_endpoint: "https://hub/token".into(),
        }
    }

    #[tokio::test]
    async fn an_identity_comes_back_for_its_own_cluster_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store { vault: Vault::Files(directory.path().into()), onboarding: Onboarding::Secret };
        let pending = CertificateKey::make().expect("a key");
        store.keep("/clusters/A", None, Some(&pending)).await.expect("kept");
        let (none, again) = store.load("/clusters/a").await.expect("readable");
        assert!(none.is_none());
        assert_eq!(again.expect("a key").private().expose_secret(), pending.private().expose_secret());
        store.keep("/clusters/A", Some(&sample()), None).await.expect("kept");
        let (identity, pending) = store.load("/clusters/a").await.expect("readable");
        let identity = identity.expect("an identity");
        assert_eq!((identity.expires, identity.renew_after), (sample().expires, sample().renew_after));
        assert!(pending.is_none() && !format!("{identity:?}").contains("S3CRET"));
        assert!(store.load("/clusters/b").await.expect("readable").0.is_none());
        assert!(matches!(store.onboarding_key().await, Err(OnboardingError::Missing)));
    }
}
