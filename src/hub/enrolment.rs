//! How a cluster proves by its onboarding key who it is, and when that is enough. Pure.
use super::{
    arm::{ArmError, key},
    store::ClusterRecord,
};
use crate::{
    api::plane::{ENROLMENT_SECONDS, ENROLMENT_TYPE, EnrolmentClaims},
    hex::hex,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::StatusCode;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sha2::{Digest as _, Sha256};
use x509_parser::{
    certification_request::X509CertificationRequest,
    prelude::{FromDer as _, X509Certificate},
    public_key::RSAPublicKey,
    x509::SubjectPublicKeyInfo,
};

/// Seconds by which the clock of a cluster may be wrong.
const SKEW: i64 = 300;
/// Fewest bits of an onboarding key.
const MIN_BITS: usize = 2048;
/// Most bits of an onboarding key.
const MAX_BITS: usize = 16_384;

/// The public half of an onboarding key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OnboardingKey {
    /// PKCS#1, DER.
    der: Vec<u8>,
}

impl OnboardingKey {
    /// Reads `agentPublicKeyCertificate`: base64 of an RSA public key (PKCS#1 or SPKI), or of a certificate with one.
    pub(super) fn read(text: &str) -> Result<Self, ArmError> {
        let refused = || {
            let message = format!(
                "The resource's agentPublicKeyCertificate is no RSA public key of {MIN_BITS} to {MAX_BITS} bits (base64 of DER), so that no cluster can enrol with it. Write the resource again with the key."
            );
            ArmError::new(StatusCode::CONFLICT, "InvalidOnboardingKey", message)
        };
        let text: String = text.split_whitespace().collect();
        let bytes = STANDARD.decode(text).ok().ok_or_else(refused)?;
        let of_info = |info: &SubjectPublicKeyInfo<'_>| info.subject_public_key.data.to_vec();
        let der = if let Ok((_, certificate)) = X509Certificate::from_der(&bytes) {
            of_info(certificate.public_key())
        } else if let Ok((_, info)) = SubjectPublicKeyInfo::from_der(&bytes) {
            of_info(&info)
        } else {
            bytes
        };
        let (_, key) = RSAPublicKey::from_der(&der).ok().ok_or_else(refused)?;
        if (MIN_BITS..=MAX_BITS).contains(&key.key_size()) { Ok(Self { der }) } else { Err(refused()) }
    }

    /// By which it is known again.
    pub(super) fn fingerprint(&self) -> String {
        hex(&Sha256::digest(&self.der))
    }

    /// The claims of an enrolment's JWS, if this key signed it.
    fn claims(&self, token: &str) -> Option<EnrolmentClaims> {
        let mut validation = Validation::new(Algorithm::RS256);
        // Whom it is for and until when it is good is checked below, by the clock that is handed in.
        validation.validate_aud = false;
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_rsa_der(&self.der);
        jsonwebtoken::decode(token, &key, &validation).ok().map(|token| token.claims)
    }
}

/// Whether a bearer token is an enrolment's.
pub(super) fn is_enrolment(token: &str) -> bool {
    jsonwebtoken::decode_header(token).is_ok_and(|header| header.typ.as_deref() == Some(ENROLMENT_TYPE))
}

/// SHA-256 of a signing request, as the claims have it.
///
/// # Errors
/// When it is no PKCS#10 request in PEM.
pub(super) fn request_digest(csr: &str) -> Result<String, ArmError> {
    let refused = || ArmError::invalid("'csr' is no PKCS#10 signing request in PEM.").target("csr");
    let (_, pem) = x509_parser::pem::parse_x509_pem(csr.as_bytes()).ok().ok_or_else(refused)?;
    let (rest, _) = X509CertificationRequest::from_der(&pem.contents).ok().ok_or_else(refused)?;
    if !rest.is_empty() {
        return Err(refused());
    }
    Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(&pem.contents)))
}

/// Checks an enrolment's JWS: that the onboarding key signed it, for this cluster, this control plane and this request, now.
///
/// # Errors
/// When it is not so; what is wrong is said.
pub(super) fn checked(
    token: &str,
    onboarding: &OnboardingKey,
    cluster: &str,
    endpoint: &str,
    csr_digest: &str,
    now: jiff::Timestamp,
) -> Result<EnrolmentClaims, ArmError> {
    let refused = |message: String| ArmError::new(StatusCode::UNAUTHORIZED, "InvalidEnrolment", message);
    let Some(claims) = onboarding.claims(token) else {
        return Err(refused(
            "The enrolment is not signed (RS256) by the private half of the resource's agentPublicKeyCertificate."
                .to_owned(),
        ));
    };
    let at = now.as_second();
    if key(&claims.sub) != key(cluster) {
        return Err(refused(format!("The enrolment is of another cluster than '{cluster}'.")));
    }
    if claims.aud.trim_end_matches('/') != endpoint {
        return Err(refused(format!("The enrolment is for '{}', and this is '{endpoint}'.", claims.aud)));
    }
    if claims.csr != csr_digest {
        return Err(refused("The enrolment is for another signing request.".to_owned()));
    }
    if !(16..=128).contains(&claims.jti.len()) {
        return Err(refused("The enrolment's jti does not have 16 to 128 characters.".to_owned()));
    }
    let is_timely = claims.iat <= at.saturating_add(SKEW)
        && claims.exp.saturating_add(SKEW) > at
        && claims.exp.saturating_sub(claims.iat) <= ENROLMENT_SECONDS
        && claims.exp > claims.iat;
    if !is_timely {
        return Err(refused(format!(
            "The enrolment is not good at {now}, the time of this control plane; is the clock of the cluster right?"
        )));
    }
    Ok(claims)
}

/// Whether a cluster may be given an identity for its onboarding key.
///
/// The first time it may. So it may until it has called with what it was given, since an answer can be lost. After that,
/// its owner has to allow it.
///
/// # Errors
/// When it may not.
pub(super) fn permitted(
    record: &ClusterRecord,
    fingerprint: &str,
    may_always: bool,
    cluster: &str,
    now: jiff::Timestamp,
) -> Result<(), ArmError> {
    let is_new = record.enrolled_key.as_deref() != Some(fingerprint);
    let is_allowed = record.may_enrol_until.is_some_and(|until| until > now);
    if is_new || !record.is_used || is_allowed || may_always {
        return Ok(());
    }
    let message = format!(
        "'{cluster}' has an identity, or had one; its owner allows it to enrol with its onboarding key again by POST {cluster}/allowEnrolment."
    );
    Err(ArmError::new(StatusCode::FORBIDDEN, "ReenrolmentNotAllowed", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header};

    const CLUSTER: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Kubernetes/connectedClusters/north";
    const HUB: &str = "https://hub:8443";
    const NOW: i64 = 1_800_000_000;

    struct Pair {
        private: EncodingKey,
        public: String,
        info: String,
    }

    fn pair() -> Pair {
        let key = openssl::rsa::Rsa::generate(2048).expect("a key");
        let private = EncodingKey::from_rsa_pem(&key.private_key_to_pem().expect("PEM")).expect("a key");
        Pair {
            private,
            public: STANDARD.encode(key.public_key_to_der_pkcs1().expect("DER")),
            info: STANDARD.encode(key.public_key_to_der().expect("DER")),
        }
    }

    fn claims() -> EnrolmentClaims {
        EnrolmentClaims {
            sub: CLUSTER.to_uppercase(),
            aud: format!("{HUB}/"),
            iat: NOW,
            exp: NOW + 300,
            jti: "0123456789abcdef".into(),
            csr: "digest".into(),
        }
    }

    fn sign(pair: &Pair, claims: &EnrolmentClaims) -> String {
        let header = Header { typ: Some(ENROLMENT_TYPE.into()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, claims, &pair.private).expect("signed")
    }

    fn at(seconds: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(seconds).expect("a time")
    }

    fn check(pair: &Pair, claims: &EnrolmentClaims, now: i64) -> Result<EnrolmentClaims, ArmError> {
        let key = OnboardingKey::read(&pair.public).expect("a key");
        checked(&sign(pair, claims), &key, CLUSTER, HUB, "digest", at(now))
    }

    #[test]
    fn an_enrolment_is_good_for_one_cluster_one_hub_one_request_and_its_time() {
        let pair = pair();
        assert_eq!(check(&pair, &claims(), NOW), Ok(claims()));
        let wrong = [
            EnrolmentClaims { sub: "/another".into(), ..claims() },
            EnrolmentClaims { aud: "https://elsewhere".into(), ..claims() },
            EnrolmentClaims { csr: "another".into(), ..claims() },
            EnrolmentClaims { jti: "short".into(), ..claims() },
            EnrolmentClaims { exp: NOW + 601, ..claims() },
            EnrolmentClaims { iat: NOW + 301, exp: NOW + 400, ..claims() },
            EnrolmentClaims { iat: i64::MIN, exp: i64::MAX, ..claims() },
        ];
        for claims in wrong {
            assert_eq!(check(&pair, &claims, NOW).expect_err("wrong").code, "InvalidEnrolment", "{claims:?}");
        }
        assert!(check(&pair, &claims(), NOW - 300).is_ok(), "a clock that is 5 minutes fast");
        assert!(check(&pair, &claims(), NOW - 301).is_err());
        assert!(check(&pair, &claims(), NOW + 599).is_ok() && check(&pair, &claims(), NOW + 600).is_err());
    }

    #[test]
    fn only_the_private_half_signs() {
        let (own, other) = (pair(), pair());
        let key = OnboardingKey::read(&own.public).expect("a key");
        let token = sign(&other, &claims());
        assert!(is_enrolment(&token) && !is_enrolment("a.b.c"));
        assert!(checked(&token, &key, CLUSTER, HUB, "digest", at(NOW)).is_err());
        // Signed with the public half as a secret.
        let header = Header { typ: Some(ENROLMENT_TYPE.into()), ..Header::new(Algorithm::HS256) };
        let public = STANDARD.decode(&own.public).expect("base64");
        let forged = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&public)).expect("signed");
        assert!(checked(&forged, &key, CLUSTER, HUB, "digest", at(NOW)).is_err());
    }

    #[test]
    fn a_key_is_read_in_each_form_and_what_is_none_is_refused() {
        let pair = pair();
        let (first, second) = (OnboardingKey::read(&pair.public), OnboardingKey::read(&pair.info));
        assert_eq!(first.expect("PKCS#1").fingerprint(), second.expect("SPKI").fingerprint());
        for text in ["", "MII=", "not base64", "AAAA"] {
            assert_eq!(OnboardingKey::read(text).expect_err(text).code, "InvalidOnboardingKey");
        }
    }

    #[test]
    fn an_onboarding_key_is_enough_until_the_identity_is_used_and_then_when_the_owner_says_so() {
        let fresh = ClusterRecord {
            client_id: "c".into(),
            tag: String::new(),
            enrolled_key: None,
            is_used: false,
            may_enrol_until: None,
            certificate_not_after: None,
            last_seen: None,
            heartbeat: None,
        };
        let may = |record: &ClusterRecord, always| permitted(record, "key", always, CLUSTER, at(NOW)).is_ok();
        assert!(may(&fresh, false));
        let enrolled = ClusterRecord { enrolled_key: Some("key".into()), ..fresh };
        assert!(may(&enrolled, false), "the answer may have been lost");
        let used = ClusterRecord { is_used: true, ..enrolled };
        assert!(!may(&used, false) && may(&used, true));
        let allowed = ClusterRecord { may_enrol_until: Some(at(NOW + 1)), ..used.clone() };
        assert!(may(&allowed, false));
        assert!(!may(&ClusterRecord { may_enrol_until: Some(at(NOW)), ..used.clone() }, false));
        assert!(
            may(&ClusterRecord { enrolled_key: Some("former".into()), ..used }, false),
            "the owner wrote another key"
        );
    }
}
