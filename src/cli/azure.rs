//! The flags of `arcwright agent` that read what is wanted straight from Azure.
use super::{Failure, link};
use crate::{
    agents::{config::Context, connected::AzureLink},
    cloud::{AzureCloud, AzureCredential, AzureReader, Http},
};
use clap::{Args, ValueEnum};
use secrecy::SecretString;
use std::{path::PathBuf, sync::Arc, time::Duration};

#[derive(Debug, Args)]
#[command(next_help_heading = "Azure, without a control plane of one's own")]
pub(super) struct AzureArgs {
    /// Read configurations from Azure: public, government, china, or the URL of a resource manager
    #[arg(long, env = "ARCWRIGHT_AZURE", value_name = "CLOUD", conflicts_with = "hub")]
    pub(super) azure: Option<AzureCloud>,
    /// With --azure, what proves who this is; by default what the environment has
    #[arg(long, value_name = "KIND", requires = "azure")]
    azure_credential: Option<Kind>,
    /// With --azure, seconds between two readings
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(10..=86_400))]
    azure_interval: u64,
    #[arg(long, env = "AZURE_TENANT_ID", hide = true)]
    azure_tenant_id: Option<String>,
    #[arg(long, env = "AZURE_CLIENT_ID", hide = true)]
    azure_client_id: Option<String>,
    #[arg(long, env = "AZURE_CLIENT_SECRET", hide = true, hide_env_values = true)]
    azure_client_secret: Option<SecretString>,
    #[arg(long, env = "AZURE_CLIENT_CERTIFICATE_PATH", hide = true)]
    azure_client_certificate_path: Option<PathBuf>,
    #[arg(long, env = "AZURE_CLIENT_CERTIFICATE_PASSWORD", hide = true, hide_env_values = true)]
    azure_client_certificate_password: Option<SecretString>,
    #[arg(long, env = "AZURE_FEDERATED_TOKEN_FILE", hide = true)]
    azure_federated_token_file: Option<PathBuf>,
}

/// What proves to Azure who this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`
    Secret,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_CERTIFICATE_PATH`, with `AZURE_CLIENT_CERTIFICATE_PASSWORD`
    Certificate,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE`
    Workload,
    /// The identity of the machine, with `AZURE_CLIENT_ID` where it has several
    Managed,
}

impl AzureArgs {
    /// The door of Azure, where that is asked for.
    pub(super) async fn link(
        &self,
        ctx: &Arc<Context>,
        cluster: Option<&str>,
        authorities: Option<&[u8]>,
    ) -> Result<Option<AzureLink>, Failure> {
        let Some(cloud) = self.azure.clone() else { return Ok(None) };
        let credential = self.credential()?;
        let http = Http::new(authorities).map_err(|error| Failure::of(&error).hint("check --hub-ca"))?;
        let every = Duration::from_secs(self.azure_interval);
        let reader = |cluster: &str| AzureReader::new(http, cloud, credential, cluster);
        AzureLink::new(ctx, cluster, every, reader).await.map(Some).map_err(|error| link::failure(&error))
    }

    fn credential(&self) -> Result<AzureCredential, Failure> {
        let kind = self.azure_credential.unwrap_or_else(|| self.found());
        let needed = |value: &Option<String>, name: &str| value.clone().ok_or_else(|| missing(name));
        let client = || {
            Ok::<_, Failure>((
                needed(&self.azure_tenant_id, "AZURE_TENANT_ID")?,
                needed(&self.azure_client_id, "AZURE_CLIENT_ID")?,
            ))
        };
        Ok(match kind {
            Kind::Secret => {
                let (tenant, client) = client()?;
                let secret = self.azure_client_secret.clone().ok_or_else(|| missing("AZURE_CLIENT_SECRET"))?;
                AzureCredential::Secret { tenant, client, secret }
            }
            Kind::Certificate => {
                let (tenant, client) = client()?;
                let path = self.azure_client_certificate_path.as_ref();
                let path = path.ok_or_else(|| missing("AZURE_CLIENT_CERTIFICATE_PATH"))?;
                let certificate = crate::cloud::credential::read_bounded(path).map_err(|error| Failure::of(&error))?;
                let password = self.azure_client_certificate_password.clone();
                AzureCredential::Certificate { tenant, client, certificate: certificate.into(), password }
            }
            Kind::Workload => {
                let (tenant, client) = client()?;
                let token = self.azure_federated_token_file.clone();
                let token = token.ok_or_else(|| missing("AZURE_FEDERATED_TOKEN_FILE"))?;
                AzureCredential::Workload { tenant, client, token }
            }
            Kind::Managed => AzureCredential::Managed { client: self.azure_client_id.clone() },
        })
    }

    /// What the environment has.
    fn found(&self) -> Kind {
        if self.azure_client_secret.is_some() {
            Kind::Secret
        } else if self.azure_client_certificate_path.is_some() {
            Kind::Certificate
        } else if self.azure_federated_token_file.is_some() {
            Kind::Workload
        } else {
            Kind::Managed
        }
    }
}

fn missing(name: &str) -> Failure {
    Failure::new(format!("the credential for Azure takes {name}, which is not set"))
        .hint("set it, or choose another kind with --azure-credential: secret, certificate, workload, managed")
}
