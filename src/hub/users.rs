//! The people and programs that may use a control plane, kept by whoever has its store.
use super::{
    access::fingerprint,
    bootstrap::{self, BootstrapError, Credential, Identity},
    store::{Audited, Certificate, Place, Principal, Role, Store, StoreError},
};
use serde::Serialize;
use std::path::PathBuf;

/// Who is said to have written what the command line writes.
const COMMAND_LINE: &str = "command line";
/// Longest name in bytes.
const MAX_NAME: usize = 128;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRole {
    /// Everything.
    Owner,
    /// Reading.
    Reader,
}

impl UserRole {
    fn role(self) -> Role {
        match self {
            Self::Owner => Role::Owner,
            Self::Reader => Role::Reader,
        }
    }
}

/// Somebody to be added.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// What people call it: 1 to 128 bytes.
    pub name: String,
    /// What it may do.
    pub role: UserRole,
    /// A certificate in PEM by which it signs in; without one, it gets a secret.
    pub certificate: Option<String>,
    /// URL of the control plane, for the credential; that which it was last started with when absent.
    pub endpoint: Option<String>,
    /// File with the authority's certificate, for the credential.
    pub ca_file: PathBuf,
}

/// Somebody who may use the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Application (client) id.
    pub client_id: String,
    /// What people call it.
    pub name: String,
    /// `owner` or `reader`.
    pub role: String,
    /// When it was added.
    pub created_at: jiff::Timestamp,
    /// By what it signs in: `secret`, or `certificate until DATE`, `certificate revoked`.
    pub credentials: Vec<String>,
}

/// Why users are not changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such store.
    #[error("{0} is not there; is it the --data that the control plane runs with?")]
    Missing(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A credential cannot be made.
    #[error(transparent)]
    Credential(#[from] BootstrapError),
    /// The name is none.
    #[error("a name has 1 to 128 bytes, and no control characters")]
    Name,
    /// The certificate is none.
    #[error("the certificate cannot be read: it is the PEM of an X.509 certificate")]
    Certificate,
    /// Somebody has the certificate.
    #[error("the certificate is somebody's already: one certificate is of one user")]
    CertificateTaken,
    /// Nobody of that name or client id.
    #[error("there is no user {0}")]
    Unknown(String),
    /// Several have the name.
    #[error("several users are called {0}; name one by its client id")]
    Ambiguous(String),
    /// The last owner.
    #[error("{0} is the only owner; add another one first")]
    LastOwner(String),
    /// The control plane was never started.
    #[error("the store does not say at which URL the control plane is; give --endpoint")]
    Endpoint,
}

/// The users of a store.
pub struct Users {
    store: Store,
    identity: Identity,
}

impl Users {
    /// Opens the store of a control plane, which may be running meanwhile.
    ///
    /// # Errors
    /// When it is not there, or cannot be opened.
    pub async fn open(place: &Place) -> Result<Self, UserError> {
        if let Place::File(path) = place
            && !path.exists()
        {
            return Err(UserError::Missing(path.display().to_string()));
        }
        let store = Store::open(place).await?;
        let identity = bootstrap::identity(&store).await?;
        Ok(Self { store, identity })
    }

    /// Adds somebody; the credential's secret is shown this once.
    ///
    /// # Errors
    /// When the name or the certificate is none, somebody has the certificate, or the store fails.
    pub async fn add(&self, user: &NewUser, now: jiff::Timestamp) -> Result<Credential, UserError> {
        let is_fine = !user.name.trim().is_empty() && user.name.len() <= MAX_NAME;
        if !is_fine || user.name.chars().any(char::is_control) {
            return Err(UserError::Name);
        }
        let endpoint = match &user.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => self.store.setting("endpoint").await?.ok_or(UserError::Endpoint)?,
        };
        let client_id = uuid::Uuid::new_v4().to_string();
        let certificate = user.certificate.as_ref().map(|text| Certificate::read(&client_id, text));
        let certificate = certificate.map(|read| read.ok_or(UserError::Certificate)).transpose()?;
        let secret = if certificate.is_some() { None } else { Some(bootstrap::secret()?) };
        let role = user.role.role();
        let principal = Principal { client_id, role, cluster: String::new(), name: user.name.clone() };
        let known_by = secret.as_ref().map(fingerprint);
        self.store.add_principal(&principal, known_by.as_deref(), now).await?;
        if let Some(certificate) = &certificate
            && !self.store.add_certificate(certificate).await?
        {
            self.store.remove_principal(&principal.client_id).await?;
            return Err(UserError::CertificateTaken);
        }
        self.note("PUT", &principal.client_id, 201, now).await?;
        Ok(Credential {
            endpoint,
            ca_file: user.ca_file.clone(),
            tenant_id: self.identity.tenant.clone(),
            client_id: principal.client_id,
            client_secret: secret,
            certificate_thumbprint: certificate.map(|one| one.thumbprint),
            subscription_id: self.identity.subscription.clone(),
        })
    }

    /// Everybody, by name. Clusters are not among them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<User>, UserError> {
        Ok(self.store.users().await?)
    }

    /// Removes somebody by client id or name; its tokens are refused within 5 s.
    ///
    /// # Errors
    /// When there is no such user, several have the name, or it is the only owner.
    pub async fn remove(&self, who: &str, now: jiff::Timestamp) -> Result<User, UserError> {
        let user = self.find(who).await?;
        if !self.store.remove_user(&user.client_id).await? {
            return Err(UserError::LastOwner(user.name.clone()));
        }
        self.note("DELETE", &user.client_id, 200, now).await?;
        Ok(user)
    }

    /// Refuses the certificates of somebody, who stays; how many. A cluster is named by its client id.
    ///
    /// # Errors
    /// When there is nobody such, several have the name, or the store fails.
    pub async fn revoke(&self, who: &str, now: jiff::Timestamp) -> Result<u64, UserError> {
        let client_id = match self.find(who).await {
            Ok(user) => user.client_id,
            Err(UserError::Unknown(_)) => {
                let found = self.store.principal(&who.to_lowercase()).await?;
                found.ok_or_else(|| UserError::Unknown(who.to_owned()))?.client_id
            }
            Err(error) => return Err(error),
        };
        let revoked = self.store.revoke_certificates(&client_id, now).await?;
        self.note("POST", &format!("{client_id}/revokeCertificates"), 200, now).await?;
        Ok(revoked)
    }

    async fn find(&self, who: &str) -> Result<User, UserError> {
        let users = self.store.users().await?;
        let by_id = users.iter().find(|user| user.client_id.eq_ignore_ascii_case(who));
        let named: Vec<&User> = users.iter().filter(|user| user.name == who).collect();
        match (by_id, named.as_slice()) {
            (Some(user), _) => Ok(user.clone()),
            (None, [user]) => Ok((*user).clone()),
            (None, []) => Err(UserError::Unknown(who.to_owned())),
            (None, _) => Err(UserError::Ambiguous(who.to_owned())),
        }
    }

    async fn note(&self, method: &str, client_id: &str, status: u16, now: jiff::Timestamp) -> Result<(), StoreError> {
        let audited = Audited {
            at: now,
            client_id: COMMAND_LINE.to_owned(),
            method: method.to_owned(),
            resource: format!("/users/{client_id}"),
            status,
        };
        self.store.audit(&audited).await
    }
}
