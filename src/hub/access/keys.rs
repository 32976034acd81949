//! The key that tokens are signed with.
use crate::hex::hex;
use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::{KeyPair, KeySize},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, jwk::Jwk};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Seconds by which clocks may differ.
const LEEWAY: i64 = 60;

/// Signs tokens, and knows its own again.
pub(in crate::hub) struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    jwk: Jwk,
    key_id: String,
}

/// The signing key is not one.
#[derive(Debug, thiserror::Error)]
#[error("the key for signing tokens cannot be used")]
pub struct KeyError;

impl Signer {
    /// A new private key: PKCS#8 in base64.
    pub(in crate::hub) fn make() -> Result<SecretString, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).ok().ok_or(KeyError)?;
        let document = pair.as_der().ok().ok_or(KeyError)?;
        Ok(SecretString::from(STANDARD.encode(document.as_ref())))
    }

    /// A signer with a key that [`Signer::make`] made.
    pub(in crate::hub) fn new(key: &SecretString) -> Result<Self, KeyError> {
        let der = STANDARD.decode(key.expose_secret()).ok().ok_or(KeyError)?;
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&der));
        let encoding = EncodingKey::from_rsa_pem(pem.as_bytes()).ok().ok_or(KeyError)?;
        let mut jwk = Jwk::from_encoding_key(&encoding, Algorithm::RS256).ok().ok_or(KeyError)?;
        let decoding = DecodingKey::from_jwk(&jwk).ok().ok_or(KeyError)?;
        let public = serde_json::to_string(&jwk).ok().ok_or(KeyError)?;
        let key_id = hex(&Sha256::digest(public.as_bytes())[..16]);
        jwk.common.key_id = Some(key_id.clone());
        Ok(Self { encoding, decoding, jwk, key_id })
    }

    /// Signs claims.
    pub(in crate::hub) fn sign(&self, claims: &impl Serialize) -> Result<String, KeyError> {
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, claims, &self.encoding).ok().ok_or(KeyError)
    }

    /// The claims of a token that this key signed, that is from the issuer, and whose time it is, give or take a minute.
    pub(in crate::hub) fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        issuer: &str,
        now: jiff::Timestamp,
    ) -> Option<T> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[issuer]);
        // Whom it is for is checked by whoever knows its own names.
        validation.validate_aud = false;
        // The clock is the control plane's, and not the library's.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Value>(token, &self.decoding, &validation).ok()?.claims;
        let (now, second) = (now.as_second(), |name: &str| claims.get(name).and_then(Value::as_i64));
        let is_time = now < second("exp")? + LEEWAY && second("nbf").is_none_or(|begin| begin - LEEWAY <= now);
        if is_time { serde_json::from_value(claims).ok() } else { None }
    }

    /// The public half, as others look it up.
    pub(in crate::hub) fn public(&self) -> Value {
        let mut key = serde_json::to_value(&self.jwk).unwrap_or_default();
        key["use"] = "sig".into();
        serde_json::json!({"keys": [key]})
    }
}
