//! Sign-in by certificate: a short-lived JWT that the key of a registered certificate signed.
//!
//! Source: RFC 7523, and the Microsoft identity platform's certificate credentials.
use crate::{
    hex::hex,
    hub::store::{Certificate, Principal, Store, StoreError},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use x509_parser::public_key::PublicKey;

/// `client_assertion_type` of the form.
pub(in crate::hub) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds by which a client's clock may differ.
const SKEW: i64 = 300;
/// Most seconds for which an assertion is good.
const MAX_LIFE: i64 = 3600;
/// Longest assertion in bytes; it may carry a chain of certificates.
const MAX_BYTES: usize = 64 << 10;

/// Why an assertion proves nothing.
#[derive(Debug, thiserror::Error)]
pub(in crate::hub) enum AssertionError {
    /// It is not to be believed; the text is for the client.
    #[error("AADSTS700027: The client assertion failed: {0}")]
    Refused(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

use AssertionError::Refused;

/// Who is asked for a token, and by whom.
pub(in crate::hub) struct Asked<'a> {
    /// Client id of the form.
    pub(in crate::hub) client: &'a str,
    /// What the token is to be good for.
    pub(in crate::hub) audience: &'a str,
    /// The URLs of the token endpoint, without a slash at the end.
    pub(in crate::hub) endpoints: &'a [String],
}

/// The claims that count. Times come as integers, and from clients of Python with a fraction.
#[derive(Clone, Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
    jti: String,
}

/// The principal that an assertion is of, and the certificate that proves it.
///
/// Each is good once for an audience: clients of MSAL send the same for another one.
pub(in crate::hub) async fn proven(
    store: &Store,
    asked: &Asked<'_>,
    assertion: &str,
    now: jiff::Timestamp,
) -> Result<(Principal, Certificate), AssertionError> {
    if assertion.len() > MAX_BYTES {
        return Err(Refused("it is too long."));
    }
    let header = jsonwebtoken::decode_header(assertion).ok().ok_or(Refused("it is no JWT."))?;
    let thumbprint = thumbprint(&header).ok_or(Refused("its header names no certificate by x5t#S256 or x5t."))?;
    let certificate = store.certificate(&thumbprint).await?.filter(|found| found.client_id == asked.client);
    let certificate = certificate.ok_or(Refused("its certificate is not registered for the client."))?;
    let claims = verified(assertion, header.alg, &certificate)?;
    checked(&claims, asked, now)?;
    in_force(&certificate, now)?;
    let jti = hex(&Sha256::digest(format!("{} {}", claims.jti, asked.audience).as_bytes()));
    let expires_at = jiff::Timestamp::from_second(whole(claims.exp) + 1).unwrap_or(jiff::Timestamp::MAX);
    if !store.use_nonce(&format!("assertion {} {jti}", asked.client), expires_at, now).await? {
        return Err(Refused("it was used before."));
    }
    let principal = store.principal(asked.client).await?;
    Ok((principal.ok_or(Refused("its client is not known."))?, certificate))
}

/// The thumbprint by which the header names its certificate, in hexadecimal digits. A certificate that comes along is
/// looked up like that, and not believed.
fn thumbprint(header: &Header) -> Option<String> {
    let bytes = |text: &String, length: usize| {
        let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
        URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == length)
    };
    let sha256 = header.x5t_s256.as_ref().and_then(|text| bytes(text, 32));
    let sha1 = || header.x5t.as_ref().and_then(|text| bytes(text, 20));
    let named = sha256.or_else(sha1).map(|bytes| hex(&bytes));
    named.or_else(|| {
        let der = STANDARD.decode(header.x5c.as_ref()?.first()?).ok()?;
        Some(hex(&Sha256::digest(der)))
    })
}

/// The claims, if the certificate's key signed them.
fn verified(assertion: &str, algorithm: Algorithm, certificate: &Certificate) -> Result<Claims, AssertionError> {
    let key = |bits: &[u8], parsed: &PublicKey<'_>| match (parsed, algorithm) {
        (PublicKey::RSA(_), Algorithm::RS256 | Algorithm::PS256) => Some(DecodingKey::from_rsa_der(bits)),
        (PublicKey::EC(_), Algorithm::ES256) => Some(DecodingKey::from_ec_der(bits)),
        _ => None,
    };
    let key = certificate.with(|one| {
        let info = one.public_key();
        info.parsed().ok().and_then(|parsed| key(&info.subject_public_key.data, &parsed))
    });
    let key = key.flatten().ok_or(Refused("its algorithm is not RS256, PS256 or ES256, or not that of its key."))?;
    let mut validation = Validation::new(algorithm);
    // Times are checked by the clock of the control plane, and the audience has several forms.
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let token = jsonwebtoken::decode::<Claims>(assertion, &key, &validation);
    token.map(|token| token.claims).ok().ok_or(Refused("its signature or its claims are wrong."))
}

fn checked(claims: &Claims, asked: &Asked<'_>, now: jiff::Timestamp) -> Result<(), AssertionError> {
    if claims.iss != asked.client || claims.sub != asked.client {
        return Err(Refused("its issuer and its subject are not both the client."));
    }
    let audience = claims.aud.trim_end_matches('/');
    if !asked.endpoints.iter().any(|endpoint| endpoint.eq_ignore_ascii_case(audience)) {
        return Err(Refused("its audience is not the token endpoint."));
    }
    let now = now.as_second();
    if whole(claims.exp) <= now {
        return Err(Refused("it has expired; is the client's clock right?"));
    }
    if whole(claims.exp) > now + MAX_LIFE + SKEW {
        return Err(Refused("it is good for more than an hour."));
    }
    if [claims.nbf, claims.iat].into_iter().flatten().any(|begin| whole(begin) > now + SKEW) {
        return Err(Refused("it is not good yet; is the client's clock right?"));
    }
    if claims.jti.is_empty() {
        return Err(Refused("it has no jti."));
    }
    Ok(())
}

/// Fails outside of a certificate's time, and after its end.
fn in_force(certificate: &Certificate, now: jiff::Timestamp) -> Result<(), AssertionError> {
    if certificate.revoked_at.is_some() {
        return Err(Refused("Revoked: the certificate was revoked."));
    }
    if certificate.not_after <= now {
        return Err(Refused("Expired: the certificate is past its end."));
    }
    if certificate.not_before.as_second() > now.as_second() + SKEW {
        return Err(Refused("the certificate is not good yet."));
    }
    Ok(())
}

/// Seconds without their fraction.
#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates, and no date is that far")]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

#[cfg(test)]
mod tests;
