//! What is wanted of a cluster, read straight from Azure Resource Manager, which has no data plane for others.
//!
//! It never shows protected settings, takes no status, and tells nobody of a change: it is asked again and again.
use super::{Arm, CloudError, Endpoints, Http, SignIn};
use crate::api::{
    READ_ONLY_PROPERTIES,
    plane::{PendingConfiguration, PendingConfigurations},
};
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
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::{path::PathBuf, str::FromStr, sync::Arc};
use tokio::sync::OnceCell;

/// The kinds of configuration, and the versions in which they are asked for.
const KINDS: [(&str, &str); 2] = [("sourceControlConfigurations", "2023-05-01"), ("fluxConfigurations", "2025-04-01")];
const NAMESPACE: &str = "Microsoft.KubernetesConfiguration";

/// Which Azure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AzureCloud {
    /// The public one.
    Public,
    /// That of the government of the United States.
    Government,
    /// That in China.
    China,
    /// The URL of a resource manager, which says where its token service is.
    At(String),
}

impl FromStr for AzureCloud {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "public" | "azurepubliccloud" | "azurecloud" => Ok(Self::Public),
            "government" | "azureusgovernmentcloud" | "azureusgovernment" => Ok(Self::Government),
            "china" | "azurechinacloud" => Ok(Self::China),
            url if url.starts_with("https://") => Ok(Self::At(text.trim_end_matches('/').to_owned())),
            _ => Err("is public, government, china, or the https URL of a resource manager".to_owned()),
        }
    }
}

impl AzureCloud {
    /// URL of the resource manager.
    pub fn resource_manager(&self) -> &str {
        match self {
            Self::Public => "https://management.azure.com",
            Self::Government => "https://management.usgovcloudapi.net",
            Self::China => "https://management.chinacloudapi.cn",
            Self::At(url) => url,
        }
    }

    /// Where its token service is, and for whom its tokens are. Only a cloud that is not known is asked.
    async fn endpoints(&self, http: &Http) -> Result<Endpoints, CloudError> {
        let login = match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::Government => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
            Self::At(url) => return Endpoints::ask(http, url).await,
        };
        let resource_manager = self.resource_manager().to_owned();
        Ok(Endpoints { login: login.to_owned(), audience: resource_manager.clone(), resource_manager, time: None })
    }
}

/// What proves to Azure who this is.
#[derive(Clone, Debug)]
pub enum AzureCredential {
    /// A client and its secret.
    Secret {
        /// Tenant of the client.
        tenant: String,
        /// Its id.
        client: String,
        /// Its secret.
        secret: SecretString,
    },
    /// A client and its certificate.
    Certificate {
        /// Tenant of the client.
        tenant: String,
        /// Its id.
        client: String,
        /// Certificate and key: PEM, or PKCS#12.
        certificate: SecretSlice<u8>,
        /// What the key is sealed with.
        password: Option<SecretString>,
    },
    /// A token of the pod's service account, which Azure trusts.
    Workload {
        /// Tenant of the client.
        tenant: String,
        /// Its id.
        client: String,
        /// Where the token is; it is read again and again.
        token: PathBuf,
    },
    /// The identity of the machine.
    Managed {
        /// Client id of the identity, where the machine has several.
        client: Option<String>,
    },
}

impl AzureCredential {
    fn credential(&self, http: &Http, endpoints: &Endpoints) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host.clone_from(&endpoints.login);
        let options = ClientOptions {
            transport: Some(Transport::new(Arc::new(http.client()))),
            cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
            ..ClientOptions::default()
        };
        Ok(match self {
            Self::Secret { tenant, client, secret } => {
                let secret = Secret::new(secret.expose_secret().to_owned());
                let options = ClientSecretCredentialOptions { client_options: options };
                ClientSecretCredential::new(tenant, client.clone(), secret, Some(options))?
            }
            Self::Certificate { tenant, client, certificate, password } => {
                let certificate = SecretBytes::new(certificate.expose_secret().to_vec());
                let password = password.as_ref().map(|password| Secret::new(password.expose_secret().to_owned()));
                let options = ClientCertificateCredentialOptions { client_options: options, password };
                ClientCertificateCredential::new(tenant.clone(), client.clone(), certificate, Some(options))?
            }
            Self::Workload { tenant, client, token } => {
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options: options },
                    client_id: Some(client.clone()),
                    tenant_id: Some(tenant.clone()),
                    token_file_path: Some(token.clone()),
                };
                WorkloadIdentityCredential::new(Some(options))?
            }
            Self::Managed { client } => {
                let user_assigned_id = client.clone().map(UserAssignedId::ClientId);
                let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options: options };
                ManagedIdentityCredential::new(Some(options))?
            }
        })
    }
}

/// Reads what is wanted of one cluster.
#[derive(Debug)]
pub struct AzureReader {
    http: Http,
    cloud: AzureCloud,
    credential: AzureCredential,
    cluster: String,
    /// Made by the first reading that gets as far as that.
    arm: OnceCell<Arm>,
}

impl AzureReader {
    /// A reader for the cluster of an ARM id. Nobody is asked yet.
    pub fn new(http: Http, cloud: AzureCloud, credential: AzureCredential, cluster: &str) -> Self {
        let cluster = format!("/{}", cluster.trim_matches('/'));
        Self { http, cloud, credential, cluster, arm: OnceCell::new() }
    }

    /// The client; a cloud that is not known is asked where its token service is.
    async fn arm(&self) -> Result<&Arm, CloudError> {
        let make = async || {
            let endpoints = self.cloud.endpoints(&self.http).await?;
            let credential = self.credential.credential(&self.http, &endpoints);
            let credential = credential.map_err(|error| CloudError::credential(self.host(), &error))?;
            let sign_in = SignIn::by(credential, &endpoints.audience);
            Ok(Arm::new(self.http.clone(), self.cloud.resource_manager(), &endpoints, sign_in))
        };
        self.arm.get_or_try_init(make).await
    }

    /// The resource manager's host.
    pub fn host(&self) -> &str {
        self.cloud.resource_manager().trim_start_matches("https://")
    }

    /// ARM id of the cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// What is wanted: every configuration of both kinds.
    ///
    /// # Errors
    /// When any of it cannot be read: half of it would look as if the rest were not wanted.
    pub async fn wanted(&self) -> Result<PendingConfigurations, CloudError> {
        let mut configurations = Vec::new();
        for (kind, version) in KINDS {
            let path = format!("{}/providers/{NAMESPACE}/{kind}", self.cluster);
            for resource in self.arm().await?.list(&path, version).await? {
                let read = pending(&format!("{NAMESPACE}/{kind}"), resource);
                configurations.push(read.ok_or_else(|| CloudError::Answer {
                    host: self.host().to_owned(),
                    what: format!("one of the {kind} has no id or no properties"),
                })?);
            }
        }
        configurations.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(PendingConfigurations { configurations })
    }
}

/// A resource as what is wanted; none when it is none.
fn pending(kind: &str, mut resource: Value) -> Option<PendingConfiguration> {
    let id = resource["id"].as_str()?.to_owned();
    let Value::Object(mut properties) = resource["properties"].take() else { return None };
    wanted_only(&mut properties);
    let hash = Sha256::digest(Value::Object(properties.clone()).to_string());
    let revision = hash.iter().take(7).fold(0, |number, byte| number << 8 | i64::from(*byte));
    Some(PendingConfiguration {
        name: id.rsplit('/').next()?.to_owned(),
        kind: kind.to_owned(),
        // There is none: this one is another one when anything is.
        revision,
        properties,
        id,
    })
}

/// Takes away what nobody can want: what is only read, what is null, and names that are keys already.
fn wanted_only(properties: &mut Map<String, Value>) {
    properties.retain(|name, _| !READ_ONLY_PROPERTIES.contains(&name.as_str()));
    for kustomization in properties.get_mut("kustomizations").and_then(Value::as_object_mut).into_iter().flatten() {
        if let Value::Object(fields) = kustomization.1 {
            fields.remove("name");
        }
    }
    without_nulls(properties);
}

fn without_nulls(fields: &mut Map<String, Value>) {
    fields.retain(|_, value| !value.is_null());
    fields.values_mut().filter_map(Value::as_object_mut).for_each(without_nulls);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_resource_as_azure_shows_it_becomes_what_is_wanted() {
        let shown = json!({
            "id": "/c/providers/Microsoft.KubernetesConfiguration/fluxConfigurations/web", "name": "web",
            "properties": {
                "scope": "cluster", "namespace": "web", "sourceKind": "GitRepository", "bucket": null,
                "gitRepository": {"url": "https://example.org/web", "repositoryRef": {"branch": "main", "tag": null}},
                "kustomizations": {"app": {"name": "app", "path": "app", "dependsOn": null}},
                "configurationProtectedSettings": {}, "complianceState": "Compliant", "statuses": [], "provisioningState": "Succeeded",
            },
        });
        let pending = pending("Microsoft.KubernetesConfiguration/fluxConfigurations", shown.clone()).expect("one");
        let wanted = json!({
            "scope": "cluster", "namespace": "web", "sourceKind": "GitRepository", "configurationProtectedSettings": {},
            "gitRepository": {"url": "https://example.org/web", "repositoryRef": {"branch": "main"}},
            "kustomizations": {"app": {"path": "app"}},
        });
        assert_eq!((pending.name.as_str(), Value::Object(pending.properties)), ("web", wanted));
        let mut later = shown.clone();
        later["properties"]["complianceState"] = json!("Non-Compliant");
        let again = |value: &Value| super::pending("k", value.clone()).expect("one").revision;
        assert_eq!(again(&later), again(&shown), "what is only read is no change");
        later["properties"]["scope"] = json!("namespace");
        assert_ne!(again(&later), again(&shown));
        assert!(super::pending("k", json!({"id": "/x"})).is_none());
    }

    #[test]
    fn clouds_are_known_by_the_names_that_people_use() {
        for (text, host) in [
            ("Public", "https://management.azure.com"),
            ("AZUREUSGOVERNMENTCLOUD", "https://management.usgovcloudapi.net"),
            ("china", "https://management.chinacloudapi.cn"),
            ("https://hub:8443/", "https://hub:8443"),
        ] {
            assert_eq!(AzureCloud::from_str(text).expect(text).resource_manager(), host);
        }
        assert!(AzureCloud::from_str("http://hub").is_err() && AzureCloud::from_str("moon").is_err());
    }
}
