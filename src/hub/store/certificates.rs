//! Certificates by which somebody signs in, and what may be used but once.
use super::{Store, StoreError, read_time, stored};
use crate::hex::hex;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use sha2::{Digest as _, Sha256};
use sqlx::{Row as _, any::AnyRow};
use x509_parser::{pem::parse_x509_pem, prelude::X509Certificate};

/// One in so many uses of a nonce sweeps those that have expired.
const SWEEP: u32 = 64;

/// A certificate that proves who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Certificate {
    /// SHA-256 of the certificate in DER, in lower-case hexadecimal digits.
    pub(in crate::hub) thumbprint: String,
    /// SHA-1 of the same, by which older clients name it.
    pub(in crate::hub) thumbprint_sha1: String,
    /// The principal whose it is.
    pub(in crate::hub) client_id: String,
    /// In PEM.
    pub(in crate::hub) certificate: String,
    pub(in crate::hub) not_before: jiff::Timestamp,
    pub(in crate::hub) not_after: jiff::Timestamp,
    pub(in crate::hub) revoked_at: Option<jiff::Timestamp>,
}

impl Certificate {
    /// The first certificate of a text in PEM, as one of a principal; none when there is none that can be read.
    pub(in crate::hub) fn read(client_id: &str, text: &str) -> Option<Self> {
        let (_, pem) = parse_x509_pem(text.as_bytes()).ok().filter(|(_, pem)| pem.label == "CERTIFICATE")?;
        let parsed = pem.parse_x509().ok()?;
        let time = |time: x509_parser::time::ASN1Time| jiff::Timestamp::from_second(time.timestamp()).ok();
        let begin = text.find("-----BEGIN CERTIFICATE-----")?;
        let end = text.get(begin..)?.find("-----END CERTIFICATE-----")? + begin;
        Some(Self {
            thumbprint: hex(&Sha256::digest(&pem.contents)),
            thumbprint_sha1: hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, &pem.contents).as_ref()),
            client_id: client_id.to_owned(),
            certificate: format!("{}-----END CERTIFICATE-----\n", text.get(begin..end)?),
            not_before: time(parsed.validity().not_before)?,
            not_after: time(parsed.validity().not_after)?,
            revoked_at: None,
        })
    }

    /// Looks into it; none when it cannot be read.
    pub(in crate::hub) fn with<T>(&self, look: impl FnOnce(&X509Certificate<'_>) -> T) -> Option<T> {
        let (_, pem) = parse_x509_pem(self.certificate.as_bytes()).ok()?;
        pem.parse_x509().ok().as_ref().map(look)
    }
}

impl Store {
    /// Adds a certificate of a principal; false when it is known, be it of somebody else.
    pub(in crate::hub) async fn add_certificate(&self, certificate: &Certificate) -> Result<bool, StoreError> {
        add_certificate(&self.pool, certificate).await
    }

    /// The certificate of a thumbprint: SHA-256 or SHA-1 in lower-case hexadecimal digits.
    pub(in crate::hub) async fn certificate(&self, thumbprint: &str) -> Result<Option<Certificate>, StoreError> {
        let select = "SELECT thumbprint, thumbprint_sha1, client_id, certificate, not_before, not_after, revoked_at \
            FROM certificates WHERE thumbprint = $1 OR thumbprint_sha1 = $1";
        let query = sqlx::query(select).bind(thumbprint);
        query.fetch_optional(&self.pool).await?.map(|row| certificate(&row)).transpose()
    }

    /// Revokes every certificate of a principal that is not revoked; how many there were.
    pub(in crate::hub) async fn revoke_certificates(
        &self,
        client_id: &str,
        at: jiff::Timestamp,
    ) -> Result<u64, StoreError> {
        let update = "UPDATE certificates SET revoked_at = $1 WHERE client_id = $2 AND revoked_at IS NULL";
        let query = sqlx::query(update).bind(stored(at)).bind(client_id);
        self.run(query).await
    }

    /// Uses up something that is good once and until a time; false when it was used before.
    pub(in crate::hub) async fn use_nonce(
        &self,
        key: &str,
        expires_at: jiff::Timestamp,
        now: jiff::Timestamp,
    ) -> Result<bool, StoreError> {
        if fastrand::u32(..SWEEP) == 0 {
            let delete = sqlx::query("DELETE FROM nonces WHERE expires_at < $1").bind(stored(now));
            self.run(delete).await?;
        }
        let insert = "INSERT INTO nonces (key, expires_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
        let done = self.run(sqlx::query(insert).bind(key).bind(stored(expires_at))).await?;
        Ok(done > 0)
    }
}

/// Adds a certificate, by itself or in a transaction.
pub(super) async fn add_certificate<'c>(
    executor: impl sqlx::Executor<'c, Database = sqlx::Any>,
    certificate: &Certificate,
) -> Result<bool, StoreError> {
    let insert = "INSERT INTO certificates (thumbprint, thumbprint_sha1, client_id, certificate, not_before, not_after, revoked_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (thumbprint) DO NOTHING";
    let query = sqlx::query(insert).bind(&certificate.thumbprint).bind(&certificate.thumbprint_sha1);
    let query = query.bind(&certificate.client_id).bind(&certificate.certificate);
    let query = query.bind(stored(certificate.not_before)).bind(stored(certificate.not_after));
    let done = query.bind(certificate.revoked_at.map(stored)).execute(executor).await?;
    Ok(done.rows_affected() > 0)
}

fn certificate(row: &AnyRow) -> Result<Certificate, StoreError> {
    let time = |column: &str| read_time(&row.try_get::<String, _>(column)?);
    let revoked_at: Option<String> = row.try_get("revoked_at")?;
    Ok(Certificate {
        thumbprint: row.try_get("thumbprint")?,
        thumbprint_sha1: row.try_get("thumbprint_sha1")?,
        client_id: row.try_get("client_id")?,
        certificate: row.try_get("certificate")?,
        not_before: time("not_before")?,
        not_after: time("not_after")?,
        revoked_at: revoked_at.as_deref().map(read_time).transpose()?,
    })
}
