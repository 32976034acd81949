//! The first start: a tenant, a subscription, and an owner who can sign in.
use super::{
    access::fingerprint,
    store::{Principal, Role, Store, StoreError},
};
use crate::runtime::file::replace;
use aws_lc_rs::rand::fill;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::{
    io,
    path::{Path, PathBuf},
};

/// By what somebody signs in, and where: what the file of the first start says.
#[derive(Debug)]
pub struct Credential {
    /// URL of the control plane.
    pub endpoint: String,
    /// File with the certificate of its authority.
    pub ca_file: PathBuf,
    /// The tenant.
    pub tenant_id: String,
    /// Application (client) id.
    pub client_id: String,
    /// The secret; none for who signs in by certificate.
    pub client_secret: Option<SecretString>,
    /// SHA-256 of the certificate, for who signs in by one.
    pub certificate_thumbprint: Option<String>,
    /// The subscription.
    pub subscription_id: String,
}

impl Credential {
    /// As JSON, with the secret.
    pub fn text(&self) -> String {
        let file = File {
            endpoint: &self.endpoint,
            ca_file: &self.ca_file,
            tenant_id: &self.tenant_id,
            client_id: &self.client_id,
            client_secret: self.client_secret.as_ref().map(ExposeSecret::expose_secret),
            certificate_thumbprint: self.certificate_thumbprint.as_deref(),
            subscription_id: &self.subscription_id,
        };
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    endpoint: &'a str,
    ca_file: &'a Path,
    tenant_id: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_thumbprint: Option<&'a str>,
    subscription_id: &'a str,
}

/// Who the control plane is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) tenant: String,
    pub(super) subscription: String,
}

/// The first start did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be written.
    #[error("{path} cannot be written")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// Tenant and subscription, made where there are none.
pub(super) async fn identity(store: &Store) -> Result<Identity, BootstrapError> {
    let made = || uuid::Uuid::new_v4().to_string();
    let tenant = store.setting_or("tenant", &made()).await?;
    let subscription = store.setting_or("subscription", &made()).await?;
    Ok(Identity { tenant, subscription })
}

/// Where an owner's credential is written, and what it is for.
pub(super) struct Place<'a> {
    pub(super) file: &'a Path,
    pub(super) endpoint: &'a str,
    pub(super) ca_file: &'a Path,
}

/// Makes an owner where there is none, and writes its credential to a file that only the user of the process reads.
///
/// The file is written first: a credential that nobody knows would lock everybody out.
pub(super) async fn owner(
    store: &Store,
    identity: &Identity,
    place: &Place<'_>,
    now: jiff::Timestamp,
) -> Result<bool, BootstrapError> {
    if store.has_any(Role::Owner).await? {
        return Ok(false);
    }
    let secret = secret()?;
    let known_by = fingerprint(&secret);
    let client_id = uuid::Uuid::new_v4().to_string();
    let credential = Credential {
        endpoint: place.endpoint.to_owned(),
        ca_file: place.ca_file.to_owned(),
        tenant_id: identity.tenant.clone(),
        client_id: client_id.clone(),
        client_secret: Some(secret),
        certificate_thumbprint: None,
        subscription_id: identity.subscription.clone(),
    };
    write(place.file, &credential.text(), 0o600)?;
    let principal =
        Principal { client_id, role: Role::Owner, cluster: String::new(), name: "owner of the first start".to_owned() };
    Ok(store.add_first(&principal, &known_by, now).await?)
}

/// A secret that nobody guesses: 256 random bits.
pub(super) fn secret() -> Result<SecretString, BootstrapError> {
    let mut bytes = [0; 32];
    fill(&mut bytes).ok().ok_or(BootstrapError::Random)?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
}

/// Writes a file as a whole.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), BootstrapError> {
    let written = replace(path, mode, |out| out.write_all(text.as_bytes()));
    written.map_err(|source| BootstrapError::File { path: path.display().to_string(), source })
}
