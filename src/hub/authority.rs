//! The certificate authority of a control plane, and the certificate of its server.
use super::{
    seal::Seal,
    store::{Store, StoreError},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// For how long the authority's certificate is good.
const AUTHORITY_LIFE: Duration = Duration::from_secs(20 * 365 * 86_400);
/// For how long a server's certificate is good; it is made again at each start.
const SERVER_LIFE: Duration = Duration::from_secs(397 * 86_400);
/// For how long the certificate of a cluster is good.
///
/// Source: the frequently asked questions of Azure Arc-enabled Kubernetes.
pub(super) const IDENTITY_LIFE: Duration = Duration::from_secs(90 * 86_400);
/// How long after it was issued the certificate of a cluster can be renewed: from day 46 on.
pub(super) const RENEW_AFTER: Duration = Duration::from_secs(45 * 86_400);
/// How much earlier than now certificates begin, for clocks that are behind.
const SKEW: Duration = Duration::from_secs(3600);
/// Name of the setting.
const SETTING: &str = "authority";

/// What signs certificates.
pub(super) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    certificate: String,
    key: String,
}

/// The authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was sealed with another key.
    #[error(transparent)]
    Seal(#[from] super::seal::SealError),
    /// A certificate cannot be made.
    #[error("a certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// What is stored is none.
    #[error("the stored authority cannot be read")]
    Damaged,
}

impl Authority {
    /// The authority of the store, made where there is none.
    pub(super) async fn open(store: &Store, seal: &Seal, now: jiff::Timestamp) -> Result<Self, AuthorityError> {
        let make = || {
            let made = serde_json::to_string(&make(now)?).ok().ok_or(AuthorityError::Damaged)?;
            Ok::<_, AuthorityError>(SecretString::from(made))
        };
        let stored = store.secret_setting_or(seal, SETTING, make).await?;
        let stored: Stored = serde_json::from_str(stored.expose_secret()).ok().ok_or(AuthorityError::Damaged)?;
        let key = KeyPair::from_pem(&stored.key)?;
        let issuer = Issuer::from_ca_cert_pem(&stored.certificate, key)?;
        Ok(Self { certificate: stored.certificate, issuer })
    }

    /// The authority's certificate, in PEM.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a server of these names, with its key, both in PEM.
    pub(super) fn serve_as(
        &self,
        names: &[String],
        now: jiff::Timestamp,
    ) -> Result<(String, SecretString), AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("arcwright", String::as_str));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (moment(now - SKEW), moment(now + SERVER_LIFE));
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem() + &self.certificate, SecretString::from(key.serialize_pem())))
    }
}

/// A certificate that a cluster signs in by.
pub(super) struct Issued {
    /// With that of the authority, in PEM.
    pub(super) chain: String,
    pub(super) not_before: jiff::Timestamp,
    pub(super) not_after: jiff::Timestamp,
}

impl Authority {
    /// Signs the key of a request in PEM as that of a cluster. What else the request says is ignored.
    pub(super) fn identify(&self, csr: &str, client_id: &str, now: jiff::Timestamp) -> Result<Issued, AuthorityError> {
        let mut request = CertificateSigningRequestParams::from_pem(csr)?;
        // Certificates know no fractions of seconds.
        let now = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
        let (not_before, not_after) = (now - SKEW, now + IDENTITY_LIFE);
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, client_id);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (moment(not_before), moment(not_after));
        request.params = params;
        let certificate = request.signed_by(&self.issuer)?;
        Ok(Issued { chain: certificate.pem() + &self.certificate, not_before, not_after })
    }
}

fn make(now: jiff::Timestamp) -> Result<Stored, AuthorityError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Arcwright hub authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (moment(now - SKEW), moment(now + AUTHORITY_LIFE));
    let certificate = params.self_signed(&key)?;
    Ok(Stored { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn moment(time: jiff::Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(time.as_second()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}
