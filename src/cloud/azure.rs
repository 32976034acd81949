//! Signing in to Azure itself, or to a cloud that works like it.
use super::{CloudError, Endpoints, Http, SignIn};
use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{Secret, SecretBytes, TokenCredential},
    http::{ClientOptions, Transport},
};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientCertificateCredential, ClientCertificateCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

/// A cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Azure.
    Public,
    /// Azure Government.
    Government,
    /// Azure in China.
    China,
    /// Another, by the URL of its resource manager, which says where to sign in.
    Custom(String),
}

impl FromStr for Cloud {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "public" => Ok(Self::Public),
            "government" => Ok(Self::Government),
            "china" => Ok(Self::China),
            url if url.starts_with("https://") => Ok(Self::Custom(url.trim_end_matches('/').to_owned())),
            _ => Err("a cloud is public, government, china, or the https URL of its resource manager".to_owned()),
        }
    }
}

impl Cloud {
    /// URL of its resource manager, and of its token service where that is known.
    fn urls(&self) -> (&str, Option<&str>) {
        match self {
            Self::Public => ("https://management.azure.com", Some("https://login.microsoftonline.com")),
            Self::Government => ("https://management.usgovcloudapi.net", Some("https://login.microsoftonline.us")),
            Self::China => ("https://management.chinacloudapi.cn", Some("https://login.chinacloudapi.cn")),
            Self::Custom(url) => (url, None),
        }
    }

    /// URL of its resource manager.
    pub fn url(&self) -> &str {
        self.urls().0
    }

    /// Where to sign in, and for whom tokens are. A cloud that is not one of the three is asked.
    ///
    /// # Errors
    /// When it does not answer, or is no cloud.
    pub async fn endpoints(&self, http: &Http) -> Result<Endpoints, CloudError> {
        let (url, login) = self.urls();
        match login {
            None => Endpoints::ask(http, url).await,
            Some(login) => Ok(Endpoints {
                login: login.to_owned(),
                audience: url.to_owned(),
                resource_manager: url.to_owned(),
                time: None,
            }),
        }
    }
}

/// What somebody signs in with.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A client's secret.
    Secret {
        /// Tenant.
        tenant: String,
        /// Client id.
        client: String,
        /// Its secret.
        secret: SecretString,
    },
    /// A client's certificate and its RSA key.
    Certificate {
        /// Tenant.
        tenant: String,
        /// Client id.
        client: String,
        /// Both in PKCS#12.
        pkcs12: SecretBytes,
        /// The password of that.
        password: Option<SecretString>,
    },
    /// The token of a service account, which the environment of the pod names where this does not.
    WorkloadIdentity {
        /// Tenant.
        tenant: Option<String>,
        /// Client id.
        client: Option<String>,
        /// File with the token.
        token_file: Option<PathBuf>,
    },
    /// The identity of the machine.
    ManagedIdentity {
        /// Client id, where it has several.
        client: Option<String>,
    },
}

/// Whoever has tokens. Cloning is cheap, and shares them.
#[derive(Clone)]
pub enum TokenSource {
    /// A client of a hub.
    Client(SignIn),
    /// One of Azure's identities.
    Identity {
        /// What asks for tokens, and keeps them.
        credential: Arc<dyn TokenCredential>,
        /// What they are asked for.
        scope: String,
    },
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => client.fmt(f),
            Self::Identity { scope, .. } => f.debug_struct("Identity").field("scope", scope).finish_non_exhaustive(),
        }
    }
}

impl From<SignIn> for TokenSource {
    fn from(client: SignIn) -> Self {
        Self::Client(client)
    }
}

impl TokenSource {
    /// One of Azure's identities. Nobody is asked for a token yet.
    ///
    /// # Errors
    /// When something is missing: the certificate is none, or the environment names no token.
    pub fn identity(http: &Http, endpoints: &Endpoints, proof: Proof) -> Result<Self, CloudError> {
        let failed = |source| CloudError::SignIn { source: Box::new(source) };
        let credential = credential(http, endpoints, proof).map_err(failed)?;
        Ok(Self::Identity { credential, scope: format!("{}/.default", endpoints.audience) })
    }

    /// A token that is good for some time yet.
    ///
    /// # Errors
    /// When none is granted.
    pub async fn token(&self) -> Result<SecretString, CloudError> {
        match self {
            Self::Client(client) => client.token().await,
            Self::Identity { credential, scope } => {
                let granted = credential.get_token(&[scope], None).await;
                let granted = granted.map_err(|source| CloudError::SignIn { source: Box::new(source) })?;
                Ok(SecretString::from(granted.token.secret()))
            }
        }
    }

    /// Forgets a token that was refused, where it is kept here.
    pub async fn forget(&self) {
        match self {
            Self::Client(client) => client.forget().await,
            Self::Identity { .. } => {}
        }
    }
}

fn credential(http: &Http, endpoints: &Endpoints, proof: Proof) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let client_options = client_options(http, endpoints);
    Ok(match proof {
        Proof::Secret { tenant, client, secret } => {
            let options = ClientSecretCredentialOptions { client_options };
            let secret = Secret::new(secret.expose_secret().to_owned());
            ClientSecretCredential::new(&tenant, client, secret, Some(options))?
        }
        Proof::Certificate { tenant, client, pkcs12, password } => {
            let password = password.map(|password| Secret::new(password.expose_secret().to_owned()));
            let options = ClientCertificateCredentialOptions { client_options, password };
            ClientCertificateCredential::new(tenant, client, pkcs12, Some(options))?
        }
        Proof::WorkloadIdentity { tenant, client, token_file } => {
            let credential_options = ClientAssertionCredentialOptions { client_options };
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options,
                client_id: client,
                tenant_id: tenant,
                token_file_path: token_file,
            }))?
        }
        Proof::ManagedIdentity { client } => {
            let user_assigned_id = client.map(UserAssignedId::ClientId);
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions { user_assigned_id, client_options }))?
        }
    })
}

/// By the one client of this program, which has the authorities and the proxy.
fn client_options(http: &Http, endpoints: &Endpoints) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host.clone_from(&endpoints.login);
    ClientOptions {
        transport: Some(Transport::new(Arc::new(http.client()))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        ..ClientOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_is_named_or_given_by_its_url() {
        assert_eq!("china".parse(), Ok(Cloud::China));
        assert_eq!("https://arm.example.org/".parse(), Ok(Cloud::Custom("https://arm.example.org".to_owned())));
        for wrong in ["", "Public", "http://arm.example.org", "arm.example.org"] {
            assert!(wrong.parse::<Cloud>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_cannot_sign_in_is_told_at_once_and_no_secret_is_repeated() {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let http = Http::new(None).expect("a client");
        let endpoints = Cloud::Government.endpoints(&http).await.expect("known");
        assert_eq!(endpoints.login, "https://login.microsoftonline.us");
        let (tenant, client) = ("t".to_owned(), "c".to_owned());
        let no_certificate =
            Proof::Certificate { tenant, client, pkcs12: SecretBytes::new(*b"S3CRET"), password: None };
        assert!(!format!("{no_certificate:?}").contains("S3CRET"));
        let error = TokenSource::identity(&http, &endpoints, no_certificate).expect_err("no certificate");
        assert!(!crate::error::Chain(&error).to_string().contains("S3CRET"));
        let no_file = Proof::WorkloadIdentity {
            tenant: Some("t".to_owned()),
            client: Some("c".to_owned()),
            token_file: Some(PathBuf::from("/nonexistent")),
        };
        assert!(TokenSource::identity(&http, &endpoints, no_file).is_err());
        let secret =
            Proof::Secret { tenant: "a/b".to_owned(), client: "c".to_owned(), secret: SecretString::from("S3CRET") };
        assert!(TokenSource::identity(&http, &endpoints, secret).is_err(), "no tenant has a slash");
    }
}
