//! A cluster's agent as far as a control plane sees one: it enrols, signs in, pulls and reports.
use crate::bed::{Answer, Bed, Hub};
use arcwright::runtime::clock::{Clock as _, SystemClock};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The time of the machine, in seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemClock.now().as_second()
}

/// Version of the data plane.
pub(crate) const VERSION: &str = "api-version=2026-11-01";

/// The key pair by which a cluster enrols.
pub(crate) struct Onboarding {
    private: EncodingKey,
    /// `agentPublicKeyCertificate`.
    pub(crate) public: String,
}

impl Onboarding {
    pub(crate) fn make() -> Self {
        let key = openssl::rsa::Rsa::generate(2048).expect("a key");
        let private = EncodingKey::from_rsa_pem(&key.private_key_to_pem().expect("PEM")).expect("a key");
        Self { private, public: STANDARD.encode(key.public_key_to_der_pkcs1().expect("DER")) }
    }

    /// Makes the cluster's resource.
    pub(crate) fn connect(bed: &Bed, name: &str) -> Self {
        let onboarding = Self::make();
        let body = json!({"location": "here", "identity": {"type": "SystemAssigned"},
            "properties": {"agentPublicKeyCertificate": onboarding.public}});
        let made = bed.ask("PUT", &bed.cluster(name), Some(&body));
        assert!(matches!(made.status, 200 | 201), "{}", made.body);
        onboarding
    }

    /// The JWS by which a certificate is asked for.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header { typ: Some("arcwright-enrolment+jwt".into()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, claims, &self.private).expect("signed")
    }
}

/// A signing request, with its key and its digest.
pub(crate) struct Request {
    key: rcgen::KeyPair,
    pub(crate) csr: String,
    pub(crate) digest: String,
}

impl Request {
    pub(crate) fn make() -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        let csr = params.serialize_request(&key).expect("a request");
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(csr.der()));
        Self { key, csr: csr.pem().expect("PEM"), digest }
    }
}

/// The claims of an enrolment.
pub(crate) fn claims(hub: &Hub, cluster: &str, request: &Request, now: i64) -> Value {
    json!({"sub": cluster, "aud": hub.endpoint, "iat": now, "exp": now + 300, "jti": uuid::Uuid::new_v4().to_string(), "csr": request.digest})
}

/// Asks for a certificate, whatever proves the right to it.
pub(crate) fn certificate(hub: &Hub, cluster: &str, token: &str, csr: &str) -> Answer {
    let path = format!("/type/ConnectedClusters/certificate?{VERSION}&id={cluster}");
    hub.ask(token, "POST", &path, Some(&json!({"csr": csr})), &[])
}

/// An agent with an identity.
pub(crate) struct Agent {
    pub(crate) cluster: String,
    key: rcgen::KeyPair,
    pub(crate) issued: Value,
}

impl Agent {
    /// Enrols at the time of the machine.
    pub(crate) fn enrol(hub: &Hub, cluster: &str, onboarding: &Onboarding) -> Self {
        Self::enrol_at(hub, cluster, onboarding, now())
    }

    pub(crate) fn enrol_at(hub: &Hub, cluster: &str, onboarding: &Onboarding, now: i64) -> Self {
        let request = Request::make();
        let token = onboarding.sign(&claims(hub, cluster, &request, now));
        let answer = certificate(hub, cluster, &token, &request.csr);
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self { cluster: cluster.to_owned(), key: request.key, issued: answer.body }
    }

    fn text(&self, field: &str) -> &str {
        self.issued[field].as_str().expect("a text")
    }

    /// Signs in by the certificate.
    pub(crate) fn sign_in(&self, hub: &Hub, now: i64) -> Answer {
        let (_, certificate) = x509_parser::pem::parse_x509_pem(self.text("certificate").as_bytes()).expect("PEM");
        let header = Header {
            x5t_s256: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate.contents))),
            ..Header::new(Algorithm::ES256)
        };
        let client = self.text("clientId");
        let claims = json!({"iss": client, "sub": client, "aud": self.text("tokenEndpoint"), "iat": now, "nbf": now,
            "exp": now + 300, "jti": uuid::Uuid::new_v4().to_string()});
        let key = EncodingKey::from_ec_pem(self.key.serialize_pem().as_bytes()).expect("a key");
        let assertion = jsonwebtoken::encode(&header, &claims, &key).expect("signed");
        hub.sign_in_with(&format!(
            "client_id={client}&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={assertion}"
        ))
    }

    /// A token, at the time of the machine.
    pub(crate) fn token(&self, hub: &Hub) -> String {
        let answer = self.sign_in(hub, now());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["access_token"].as_str().expect("a token").to_owned()
    }

    /// Where a call of this cluster goes.
    pub(crate) fn path(&self, call: &str) -> String {
        let path = self.cluster.replace("/providers/", "/provider/");
        let path =
            path.replace("Microsoft.Kubernetes/connectedClusters", "Microsoft.Kubernetes-connectedClusters/clusters");
        format!("{path}/{call}?{VERSION}")
    }

    pub(crate) fn pull(&self, hub: &Hub, token: &str, known: Option<&str>, wait: u64) -> Answer {
        let path = format!("{}&waitSeconds={wait}", self.path("configurations/getPendingConfigs"));
        let headers: Vec<(&str, &str)> = known.map(|tag| ("if-none-match", tag)).into_iter().collect();
        hub.ask(token, "POST", &path, None, &headers)
    }

    pub(crate) fn heartbeat(&self, hub: &Hub, token: &str) -> Answer {
        let body = json!({"observedAt": "2026-11-24T00:00:00Z", "agentVersion": "1.2.3", "kubernetesVersion": "1.37.0",
            "totalNodeCount": 3, "totalCoreCount": 12, "distribution": "k3s", "infrastructure": "generic",
            "agents": [{"name": "config", "state": "Running", "since": "2026-11-24T00:00:00Z"}]});
        hub.ask(token, "POST", &self.path("metadata/postHeartbeat"), Some(&body), &[])
    }

    /// Reports the state of one Flux configuration.
    pub(crate) fn report(&self, hub: &Hub, token: &str, id: &str, sequence: u64, status: &Value) -> Answer {
        self.try_report(hub, token, id, sequence, status).expect("an answer")
    }

    /// As [`Agent::report`]; none where nobody answers.
    pub(crate) fn try_report(&self, hub: &Hub, token: &str, id: &str, sequence: u64, status: &Value) -> Option<Answer> {
        let body = json!({"instance": "one", "statuses": [{"id": id, "sequence": sequence, "revision": 1,
            "observedAt": "2026-11-24T00:00:00Z", "status": status}]});
        hub.try_ask(token, "POST", &self.path("configurations/postStatus"), Some(&body), &[])
    }
}
