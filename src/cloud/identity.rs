//! The identity of a cluster: a certificate, its key, and where tokens are had for it.
use super::CertificateKey;
use crate::api::plane::IssuedCertificate;
use secrecy::SecretString;

/// An identity.
#[derive(Clone)]
pub struct Identity {
    /// ARM id of the cluster.
    pub cluster: String,
    /// The certificate and its authority's, in PEM.
    pub certificate: String,
    /// The certificate's key, PKCS#8 in PEM.
    pub key: SecretString,
    /// Until when it is good.
    pub expires: jiff::Timestamp,
    /// From when it can be renewed.
    pub renew_after: jiff::Timestamp,
    /// Client id by which the cluster signs in.
    pub client_id: String,
    /// Tenant in which it signs in.
    pub tenant_id: String,
    /// URL of the token endpoint.
    pub token_endpoint: String,
}

impl Identity {
    /// What a cluster is by a certificate that was issued for a key.
    pub fn issued(cluster: &str, key: &CertificateKey, issued: IssuedCertificate) -> Self {
        let IssuedCertificate { certificate, not_after, renew_after, client_id, tenant_id, token_endpoint, .. } =
            issued;
        Self {
            cluster: cluster.to_owned(),
            certificate,
            key: key.private.clone(),
            expires: not_after,
            renew_after,
            client_id,
            tenant_id,
            token_endpoint,
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("client_id", &self.client_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
