use super::*;
use crate::hub::store::{Place, Role};
use jsonwebtoken::EncodingKey;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::{Value, json};

const CLIENT: &str = "11111111-1111-4111-8111-111111111111";
const ENDPOINT: &str = "https://hub.example.org/t/oauth2/v2.0/token";
/// Ten seconds after the certificate of a bed begins.
const NOW: i64 = 1_800_000_010;
/// When it ends.
const END: i64 = 1_800_100_000;

fn at(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).expect("a time")
}

/// A store that knows one client with one certificate.
struct Bed {
    store: Store,
    _directory: tempfile::TempDir,
    key: KeyPair,
    certificate: Certificate,
}

fn certified(key: &KeyPair) -> Certificate {
    let mut params = CertificateParams::new(vec!["client".to_owned()]).expect("names");
    let time = |second| time::OffsetDateTime::from_unix_timestamp(second).expect("a time");
    (params.not_before, params.not_after) = (time(NOW - 10), time(END));
    let made = params.self_signed(key).expect("signed");
    Certificate::read(CLIENT, &format!("a word before\n{}a word after", made.pem())).expect("a certificate")
}

async fn bed(key: KeyPair) -> Bed {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(&Place::File(directory.path().join("hub.db"))).await.expect("opened");
    let principal =
        Principal { client_id: CLIENT.into(), role: Role::Owner, cluster: String::new(), name: "me".into() };
    assert!(store.add_first(&principal, "secret:none", at(NOW)).await.expect("added"));
    let certificate = certified(&key);
    assert!(store.add_certificate(&certificate).await.expect("added"));
    Bed { store, _directory: directory, key, certificate }
}

fn claims() -> Value {
    json!({"iss": CLIENT, "sub": CLIENT, "aud": ENDPOINT, "exp": 600.5 + 1_800_000_010.0, "nbf": NOW, "iat": NOW, "jti": "one"})
}

/// Base64url of hexadecimal digits.
fn encoded(digits: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    URL_SAFE_NO_PAD.encode((0..digits.len()).step_by(2).map(byte).collect::<Vec<_>>())
}

impl Bed {
    fn header(&self, algorithm: Algorithm) -> Header {
        Header { x5t_s256: Some(encoded(&self.certificate.thumbprint)), ..Header::new(algorithm) }
    }

    fn signed(&self, header: &Header, claims: &Value) -> String {
        let pem = self.key.serialize_pem();
        let key = match header.alg {
            Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        jsonwebtoken::encode(header, claims, &key.expect("a key")).expect("signed")
    }

    async fn proven(&self, assertion: &str, audience: &str, now: i64) -> Result<String, String> {
        let endpoints = [ENDPOINT.to_owned()];
        let asked = Asked { client: CLIENT, audience, endpoints: &endpoints };
        let proven = proven(&self.store, &asked, assertion, at(now)).await;
        proven.map(|(principal, _)| principal.client_id).map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn a_certificate_is_found_however_the_client_names_it() {
    let bed = bed(KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key")).await;
    let plain = |algorithm| Header::new(algorithm);
    let sha1 = encoded(&bed.certificate.thumbprint_sha1);
    let der = x509_parser::pem::parse_x509_pem(bed.certificate.certificate.as_bytes()).expect("PEM").1.contents;
    let headers = [
        bed.header(Algorithm::RS256),
        bed.header(Algorithm::PS256),
        Header { x5t: Some(sha1.clone()), ..plain(Algorithm::RS256) },
        Header { x5t: Some(format!("{}=", sha1.replace('-', "+").replace('_', "/"))), ..plain(Algorithm::RS256) },
        Header { x5c: Some(vec![STANDARD.encode(der)]), ..plain(Algorithm::RS256) },
    ];
    for (number, header) in headers.iter().enumerate() {
        let mut claims = claims();
        claims["jti"] = json!(number.to_string());
        claims["aud"] = json!(format!("{ENDPOINT}/"));
        assert_eq!(bed.proven(&bed.signed(header, &claims), "hub", NOW).await.as_deref(), Ok(CLIENT), "{number}");
    }
}

#[tokio::test]
async fn an_assertion_is_good_once_for_an_audience() {
    let bed = bed(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")).await;
    let assertion = bed.signed(&bed.header(Algorithm::ES256), &claims());
    assert_eq!(bed.proven(&assertion, "hub", NOW).await.as_deref(), Ok(CLIENT));
    assert_eq!(bed.proven(&assertion, "other", NOW).await.as_deref(), Ok(CLIENT));
    let refused = bed.proven(&assertion, "hub", NOW + 1).await.expect_err("once more");
    assert!(refused.starts_with("AADSTS700027") && refused.contains("used before"), "{refused}");
}

#[tokio::test]
async fn an_assertion_that_is_not_to_be_believed_is_refused_and_says_why() {
    let bed = bed(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")).await;
    let cases = [
        ("iss", json!("another"), "issuer and its subject"),
        ("sub", json!("another"), "issuer and its subject"),
        ("aud", json!("https://elsewhere.example.org/token"), "audience"),
        ("exp", json!(NOW), "has expired"),
        ("exp", json!(NOW + 3901), "more than an hour"),
        ("nbf", json!(NOW + 301), "not good yet"),
        ("iat", json!(NOW + 301), "not good yet"),
        ("jti", json!(""), "no jti"),
        ("jti", Value::Null, "its claims are wrong"),
    ];
    for (name, value, why) in cases {
        let mut claims = claims();
        claims[name] = value;
        let refused = bed.proven(&bed.signed(&bed.header(Algorithm::ES256), &claims), "hub", NOW).await;
        let refused = refused.expect_err(name);
        assert!(refused.starts_with("AADSTS700027") && refused.contains(why), "{name}: {refused}");
    }
    for nonsense in ["", "a.b.c", "e30.e30.e30"] {
        assert!(bed.proven(nonsense, "hub", NOW).await.is_err(), "{nonsense}");
    }
}

#[tokio::test]
async fn a_key_that_no_registered_certificate_has_proves_nothing() {
    let bed = bed(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")).await;
    let thief = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let unknown = certified(&thief);
    let store = bed.store.clone();
    let header = bed.header(Algorithm::ES256);
    let bed = Bed { store, key: thief, certificate: unknown, _directory: bed._directory };
    // It names the certificate of another, brings its own along, or names its own.
    let der = x509_parser::pem::parse_x509_pem(bed.certificate.certificate.as_bytes()).expect("PEM").1.contents;
    let brought = Header { x5c: Some(vec![STANDARD.encode(der)]), ..header.clone() };
    for (header, why) in
        [(header, "signature"), (brought, "signature"), (bed.header(Algorithm::ES256), "not registered")]
    {
        let refused = bed.proven(&bed.signed(&header, &claims()), "hub", NOW).await.expect_err("refused");
        assert!(refused.contains(why), "{refused}");
    }
}

#[tokio::test]
async fn a_certificate_past_its_end_or_revoked_is_said_to_be_so() {
    let bed = bed(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")).await;
    let assertion = |now: i64| {
        let mut claims = claims();
        (claims["exp"], claims["nbf"], claims["iat"]) = (json!(now + 60), json!(now), json!(now));
        claims["jti"] = json!(now.to_string());
        bed.signed(&bed.header(Algorithm::ES256), &claims)
    };
    assert_eq!(bed.proven(&assertion(END - 1), "hub", END - 1).await.as_deref(), Ok(CLIENT));
    let expired = bed.proven(&assertion(END), "hub", END).await.expect_err("expired");
    assert!(expired.starts_with("AADSTS700027") && expired.contains("Expired"), "{expired}");
    assert_eq!(bed.store.revoke_certificates(CLIENT, at(NOW)).await.expect("revoked"), 1);
    assert_eq!(bed.store.revoke_certificates(CLIENT, at(NOW)).await.expect("none is left"), 0);
    let revoked = bed.proven(&assertion(NOW), "hub", NOW).await.expect_err("revoked");
    assert!(revoked.starts_with("AADSTS700027") && revoked.contains("Revoked"), "{revoked}");
}
