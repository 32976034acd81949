//! People and programs that are added on the command line, and how they sign in.
use crate::bed::Bed;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

fn add(bed: &Bed, more: &[&str]) -> Value {
    let mut args = vec!["user", "add", "--data", &bed.data];
    args.extend(more);
    let (is_done, said, out) = bed.arcwright(&args);
    assert!(is_done, "{said}");
    serde_json::from_str(&out).expect("a credential")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().expect("a text")
}

/// Waits until a token is refused: it is, once what is remembered of its client is 5 s old.
fn is_refused(bed: &Bed, token: &str) -> bool {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while bed.hub.ask(token, "GET", &bed.clusters(), None, &[]).status != 401 {
        if std::time::Instant::now() > deadline {
            return false;
        }
    }
    true
}

#[test]
fn a_reader_reads_and_is_refused_once_removed() {
    let bed = Bed::new();
    bed.make("north");
    let reader = add(&bed, &["--role", "reader", "--name", "auditor"]);
    for field in ["endpoint", "tenantId", "subscriptionId", "caFile"] {
        assert_eq!(reader[field], bed.hub.bootstrap[field], "{field}");
    }
    let signed_in = bed.hub.sign_in(text(&reader, "clientId"), text(&reader, "clientSecret"));
    let token = text(&signed_in.body, "access_token").to_owned();
    assert_eq!(bed.hub.ask(&token, "GET", &bed.cluster("north"), None, &[]).status, 200);
    let refused = bed.hub.ask(&token, "DELETE", &bed.cluster("north"), None, &[]);
    assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));

    let (_, _, listed) = bed.arcwright(&["user", "list", "--data", &bed.data, "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("a list");
    let who: Vec<_> = listed.as_array().expect("a list").iter().map(|one| (&one["name"], &one["role"])).collect();
    assert_eq!(json!(who), json!([["auditor", "reader"], ["owner of the first start", "owner"]]));
    assert!(!listed.to_string().contains(text(&reader, "clientSecret")));

    assert!(bed.arcwright(&["user", "remove", "--data", &bed.data, "auditor"]).0);
    assert!(is_refused(&bed, &token));
    assert_eq!(bed.hub.sign_in(text(&reader, "clientId"), text(&reader, "clientSecret")).status, 401);
}

#[test]
fn the_last_owner_stays_and_a_lost_credential_is_replaced() {
    let bed = Bed::new();
    let remove = |who: &str| bed.arcwright(&["user", "remove", "--data", &bed.data, who]);
    let first = text(&bed.hub.bootstrap, "clientId");
    let (is_done, said, _) = remove(first);
    assert!(!is_done && said.contains("is the only owner"), "{said}");
    let file = bed.directory.path().join("owner.json");
    let to = file.display().to_string();
    let args = ["user", "add", "--data", &bed.data, "--role", "owner", "--name", "next", "--to", &to];
    assert!(bed.arcwright(&args).0);
    assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    let (is_done, said, _) = bed.arcwright(&args);
    assert!(!is_done && said.contains("owner.json"), "it is not overwritten: {said}");
    let (_, _, listed) = bed.arcwright(&["user", "list", "--data", &bed.data]);
    assert_eq!(listed.matches("next").count(), 1, "nobody was added for the second one: {listed}");
    assert!(remove(first).0);
    let next: Value = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("a credential");
    assert_eq!(bed.hub.sign_in(text(&next, "clientId"), text(&next, "clientSecret")).status, 200);
}

/// A key pair with its certificate, good from yesterday for some days, in a file.
fn certified(bed: &Bed, name: &str, days: i64) -> (KeyPair, Vec<u8>, PathBuf) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let day = 86_400;
    let moment = |seconds| time::OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
    (params.not_before, params.not_after) = (moment(now() - day), moment(now() + days * day));
    let certificate = params.self_signed(&key).expect("signed");
    let file = bed.directory.path().join(format!("{name}.pem"));
    std::fs::write(&file, certificate.pem()).expect("written");
    (key, certificate.der().to_vec(), file)
}

#[expect(clippy::disallowed_methods, reason = "the control plane under test goes by the machine's clock")]
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn assertion(bed: &Bed, client: &str, key: &KeyPair, certificate: &[u8], jti: &str) -> String {
    let header =
        Header { x5t_s256: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(certificate))), ..Header::new(Algorithm::ES256) };
    let audience = format!("{}/{}/oauth2/v2.0/token", bed.hub.endpoint, text(&bed.hub.bootstrap, "tenantId"));
    let claims = json!({"iss": client, "sub": client, "aud": audience, "exp": now() + 300, "nbf": now(), "jti": jti});
    let key = EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).expect("a key");
    jsonwebtoken::encode(&header, &claims, &key).expect("signed")
}

#[test]
fn somebody_signs_in_by_certificate_until_it_is_revoked() {
    let bed = Bed::new();
    let (key, der, file) = certified(&bed, "robot", 30);
    let file = file.display().to_string();
    let robot = add(&bed, &["--role", "owner", "--name", "robot", "--certificate", &file]);
    assert!(robot["clientSecret"].is_null() && robot["certificateThumbprint"].is_string(), "{robot}");
    let client = text(&robot, "clientId");
    let sign_in = |jti: &str| bed.hub.sign_in_by(client, &assertion(&bed, client, &key, &der, jti));
    let signed_in = sign_in("one");
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    let token = text(&signed_in.body, "access_token").to_owned();
    assert_eq!(bed.hub.ask(&token, "GET", &bed.clusters(), None, &[]).status, 200);
    let replayed = sign_in("one");
    assert_eq!((replayed.status, replayed.body["error"].as_str()), (401, Some("invalid_client")));

    let taken = ["user", "add", "--data", &bed.data, "--role", "reader", "--name", "x", "--certificate", &file];
    let (is_done, said, _) = bed.arcwright(&taken);
    assert!(!is_done && said.contains("somebody's already"), "{said}");
    assert!(bed.arcwright(&["user", "revoke", "--data", &bed.data, "robot"]).0);
    let revoked = sign_in("two");
    let why = revoked.body["error_description"].as_str().unwrap_or_default();
    assert!(revoked.status == 401 && why.starts_with("AADSTS700027") && why.contains("Revoked"), "{why}");
}

#[test]
fn a_token_ends_with_the_certificate_that_proved_its_client() {
    let bed = Bed::new();
    let (key, der, file) = certified(&bed, "old", 0);
    let file_text = file.display().to_string();
    let old = add(&bed, &["--role", "reader", "--name", "old", "--certificate", &file_text]);
    let client = text(&old, "clientId");
    let expired = bed.hub.sign_in_by(client, &assertion(&bed, client, &key, &der, "one"));
    let why = expired.body["error_description"].as_str().unwrap_or_default();
    assert!(expired.status == 401 && why.contains("Expired"), "{why}");
}

#[test]
fn wrong_assertions_lock_a_client_out_and_sign_ins_are_in_the_activity_log() {
    let bed = Bed::new();
    let client = text(&bed.hub.bootstrap, "clientId");
    for _ in 0..10 {
        assert_eq!(bed.hub.sign_in_by(client, "a.b.c").status, 401);
    }
    assert_eq!(bed.hub.sign_in_by(client, "a.b.c").status, 429);
    assert_eq!(bed.hub.sign_in("nobody", "wrong").status, 401);
    let log = format!(
        "/subscriptions/{}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01",
        bed.hub.subscription()
    );
    let log = bed.ask("GET", &log, None);
    let of_sign_in = |one: &&Value| one["resourceId"].as_str().is_some_and(|path| path.ends_with("/token"));
    let noted: Vec<&Value> = log.body["value"].as_array().expect("a list").iter().filter(of_sign_in).collect();
    let with = |status: &str| noted.iter().filter(|one| one["subStatus"]["value"] == status).count();
    assert_eq!((with("200"), with("401"), noted.len()), (1, 10, 11), "that of nobody is not there");
    assert!(noted.iter().all(|one| one["caller"] == client));
}
