//! What a cluster signs to prove who it is: with its onboarding key once, and then with the key of its certificate.
use super::Identity;
use crate::api::plane::{ENROLMENT_SECONDS, ENROLMENT_TYPE, EnrolmentClaims};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// For how long a client assertion is good, in seconds.
const ASSERTION_SECONDS: i64 = 300;

/// Why something cannot be signed. Says nothing of the key itself.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is no RSA key.
    #[error("the onboarding key is no RSA private key in PEM (PKCS#1 or PKCS#8)")]
    Onboarding,
    /// No key can be made.
    #[error("a key for the identity certificate cannot be made")]
    Make(#[source] rcgen::Error),
    /// The key of the certificate.
    #[error("the key of the identity certificate cannot be used")]
    Identity,
    /// The certificate.
    #[error("the identity certificate is none in PEM")]
    Certificate,
}

/// The RSA key of the onboarding.
#[derive(Clone)]
pub struct OnboardingKey(EncodingKey);

impl std::fmt::Debug for OnboardingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnboardingKey")
    }
}

impl OnboardingKey {
    /// Reads a key in PEM, PKCS#1 or PKCS#8.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_pem(pem: &SecretString) -> Result<Self, KeyError> {
        let key = EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes());
        key.map(Self).ok().ok_or(KeyError::Onboarding)
    }

    /// The bearer token of an enrolment: a JWS that is good for one request and one signing request.
    pub(super) fn enrolment(
        &self,
        cluster: &str,
        hub: &str,
        key: &CertificateKey,
        now: jiff::Timestamp,
    ) -> Result<SecretString, KeyError> {
        let begin = now.as_second();
        let claims = EnrolmentClaims {
            sub: cluster.to_owned(),
            aud: hub.to_owned(),
            iat: begin,
            exp: begin + ENROLMENT_SECONDS,
            jti: uuid::Uuid::new_v4().to_string(),
            csr: URL_SAFE_NO_PAD.encode(Sha256::digest(&key.request_der)),
        };
        let header = Header { typ: Some(ENROLMENT_TYPE.to_owned()), ..Header::new(Algorithm::RS256) };
        encode(&header, &claims, &self.0).map(SecretString::from).ok().ok_or(KeyError::Onboarding)
    }
}

/// A key for an identity certificate, with a signing request: ECDSA on P-256.
#[derive(Clone)]
pub struct CertificateKey {
    pub(super) private: SecretString,
    pub(super) request: String,
    request_der: Vec<u8>,
}

impl CertificateKey {
    /// Makes one.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn make() -> Result<Self, KeyError> {
        Self::of(&KeyPair::generate().map_err(KeyError::Make)?)
    }

    /// Reads the private half that [`CertificateKey::private`] gave.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_pem(pem: &SecretString) -> Result<Self, KeyError> {
        Self::of(&KeyPair::from_pem(pem.expose_secret()).ok().ok_or(KeyError::Identity)?)
    }

    fn of(pair: &KeyPair) -> Result<Self, KeyError> {
        let request = CertificateParams::default().serialize_request(pair).map_err(KeyError::Make)?;
        Ok(Self {
            private: SecretString::from(pair.serialize_pem()),
            request: request.pem().map_err(KeyError::Make)?,
            request_der: request.der().to_vec(),
        })
    }

    /// The private half, PKCS#8 in PEM.
    pub fn private(&self) -> &SecretString {
        &self.private
    }
}

impl std::fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CertificateKey")
    }
}

/// What a client assertion says.
///
/// Source: RFC 7523 section 3.
#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

/// Signs in a cluster by its certificate: a JWT for the token endpoint, ES256, which names the certificate by its thumbprint.
pub(super) fn client_assertion(identity: &Identity, now: jiff::Timestamp) -> Result<SecretString, KeyError> {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
    let certificate = certificate.ok().ok_or(KeyError::Certificate)?;
    let key = EncodingKey::from_ec_pem(identity.key.expose_secret().as_bytes()).ok().ok_or(KeyError::Identity)?;
    let begin = now.as_second();
    let claims = AssertionClaims {
        iss: &identity.client_id,
        sub: &identity.client_id,
        aud: &identity.token_endpoint,
        iat: begin,
        nbf: begin,
        exp: begin + ASSERTION_SECONDS,
        jti: uuid::Uuid::new_v4().to_string(),
    };
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate));
    let header = Header { x5t_s256: Some(thumbprint), ..Header::new(Algorithm::ES256) };
    encode(&header, &claims, &key).map(SecretString::from).ok().ok_or(KeyError::Identity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use serde_json::Value;

    /// A self-signed identity.
    pub(in crate::cloud) fn identity() -> (Identity, KeyPair) {
        let pair = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::default().self_signed(&pair).expect("a certificate");
        let identity = Identity {
            cluster: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Kubernetes/connectedClusters/c".into(),
            certificate: certificate.pem(),
            key: pair.serialize_pem().into(),
            expires: jiff::Timestamp::UNIX_EPOCH,
            renew_after: jiff::Timestamp::UNIX_EPOCH,
            client_id: "client".into(),
            tenant_id: "tenant".into(),
            token_endpoint: "https://hub/tenant/oauth2/v2.0/token".into(),
        };
        (identity, pair)
    }

    #[test]
    fn an_assertion_is_signed_by_the_certificate_that_it_names() {
        let (identity, pair) = identity();
        let now = jiff::Timestamp::from_second(1_800_000_000).expect("a time");
        let jwt = client_assertion(&identity, now).expect("an assertion");
        let header = decode_header(jwt.expose_secret()).expect("a header");
        let der = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("a certificate");
        assert_eq!(header.x5t_s256, Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&der))));
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_audience(&[&identity.token_endpoint]);
        let public = rcgen::PublicKeyData::subject_public_key_info(&pair);
        let point = public.get(public.len() - 65..).expect("a point");
        let key = DecodingKey::from_ec_der(point);
        let claims: Value = decode(jwt.expose_secret(), &key, &validation).expect("well signed").claims;
        assert_eq!((&claims["iss"], &claims["sub"]), (&"client".into(), &"client".into()));
        assert_eq!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(300));
    }

    #[test]
    fn keys_are_not_shown_and_wrong_ones_are_refused_without_being_quoted() {
        let key = CertificateKey::make().expect("a key");
        assert_eq!(format!("{key:?}"), "CertificateKey");
        let again = CertificateKey::from_pem(key.private()).expect("the same key");
        assert!(again.request.starts_with("-----BEGIN CERTIFICATE REQUEST-----"), "{}", again.request);
        for wrong in ["", "S3CRET", key.private().expose_secret()] {
            let error = OnboardingKey::from_pem(&wrong.into()).expect_err("no RSA key").to_string();
            assert!(!error.contains("S3CRET"), "{error}");
        }
    }
}
