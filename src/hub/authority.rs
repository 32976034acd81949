//! The certificate authority of a control plane, and the certificate of its server.
use super::{
    seal::Seal,
    store::{Store, StoreError},
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// For how long the authority's certificate is good.
const AUTHORITY_LIFE: Duration = Duration::from_secs(20 * 365 * 86_400);
/// For how long a server's certificate is good; it is made again at each start.
const SERVER_LIFE: Duration = Duration::from_secs(397 * 86_400);
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
