//! What the source-controller is told, and the Secrets that it is given.
use super::{Application, put, seconds};
use crate::model::{
    Manifest,
    configuration::{Credentials, Reference},
    flux::{FluxBucket, FluxOci, FluxSource, FluxVerify},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

/// The source, and the Secrets that are made for it.
pub(super) fn manifests(application: &Application<'_>) -> Vec<Manifest> {
    let flux = application.flux;
    let mut made = Secrets { application, all: Vec::new() };
    let mut spec = json!({"interval": seconds(flux.interval), "timeout": seconds(flux.timeout)});
    let api_version = match &flux.source {
        FluxSource::Git { provider } => {
            git(application, *provider, &mut made, &mut spec);
            &application.apis.git
        }
        FluxSource::Bucket(bucket) => {
            self::bucket(bucket, &application.git.credentials, &mut made, &mut spec);
            &application.apis.bucket
        }
        FluxSource::Oci(oci) => {
            self::oci(oci, &mut made, &mut spec);
            &application.apis.oci
        }
    };
    spec["suspend"] = json!(application.suspend);
    let mut all = made.all;
    all.push(application.followed(api_version, flux.source.kind(), application.name(), "source", &spec));
    all
}

/// The Secrets that are made for a source.
struct Secrets<'a> {
    application: &'a Application<'a>,
    all: Vec<Manifest>,
}

impl Secrets<'_> {
    /// Makes a Secret unless it would hold nothing, and refers to it.
    fn refer<'b>(
        &mut self,
        suffix: &str,
        entries: impl IntoIterator<Item = (&'b str, &'b SecretString)>,
    ) -> Option<Value> {
        let data: Map<String, Value> = entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), json!(STANDARD.encode(value.expose_secret()))))
            .collect();
        if data.is_empty() {
            return None;
        }
        let name = format!("{}-{suffix}", self.application.name());
        let rest = json!({"type": "Opaque", "data": data});
        self.all.push(self.application.namespaced("v1", "Secret", &name, rest));
        Some(json!({"name": name}))
    }
}

fn named(secret: Option<&str>) -> Option<Value> {
    secret.map(|name| json!({"name": name}))
}

fn git(application: &Application<'_>, provider: Option<&str>, made: &mut Secrets<'_>, spec: &mut Value) {
    spec["url"] = json!(address(&application.git.url));
    put(spec, "ref", reference(&application.git.reference));
    put(spec, "provider", provider);
    let entries = entries(&application.git.credentials);
    let made = || made.refer("auth", entries.iter().map(|(key, value)| (*key, value)));
    put(spec, "secretRef", named(application.git_secret).or_else(made));
}

/// The address as Flux takes it: `git@host:path` is `ssh://git@host/path`.
fn address(url: &str) -> String {
    match url.split_once(':') {
        Some((host, path)) if !url.contains("://") => format!("ssh://{host}/{}", path.trim_start_matches('/')),
        _ => url.to_owned(),
    }
}

fn reference(reference: &Reference) -> Option<Value> {
    let Reference { branch, tag, semver, commit } = reference;
    let all = [("branch", branch), ("tag", tag), ("semver", semver), ("commit", commit)];
    let given: Map<String, Value> =
        all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value.as_ref()?)))).collect();
    (!given.is_empty()).then_some(Value::Object(given))
}

/// Credentials by the names that Flux has for them.
fn entries(credentials: &Credentials) -> Vec<(&'static str, SecretString)> {
    let Credentials { user, password, bearer_token, ssh_private_key, known_hosts, ca_bundle } = credentials;
    let text = |value: &Option<String>| value.clone().map(SecretString::from);
    let mut all: Vec<(&'static str, Option<SecretString>)> =
        vec![("ca.crt", text(ca_bundle)), ("identity", ssh_private_key.clone()), ("known_hosts", text(known_hosts))];
    // A token comes before user and password, and Flux takes one of both.
    match bearer_token {
        Some(token) => all.push(("bearerToken", Some(token.clone()))),
        None => all.extend([("username", text(user)), ("password", password.clone())]),
    }
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn bucket(bucket: &FluxBucket, credentials: &Credentials, made: &mut Secrets<'_>, spec: &mut Value) {
    let FluxBucket { provider, endpoint, name, insecure, entries, secret } = bucket;
    let mut entries = entries.clone();
    entries.extend(credentials.user.clone().map(|user| ("accesskey", user.into())));
    entries.extend(credentials.password.clone().map(|key| ("secretkey", key)));
    spec["provider"] = json!(provider);
    spec["endpoint"] = json!(endpoint);
    spec["bucketName"] = json!(name);
    spec["insecure"] = json!(insecure);
    let made = || made.refer("auth", entries.iter().map(|(key, value)| (*key, value)));
    put(spec, "secretRef", named(secret.as_deref()).or_else(made));
}

fn oci(oci: &FluxOci, made: &mut Secrets<'_>, spec: &mut Value) {
    spec["url"] = json!(oci.url);
    let chosen = [("digest", &oci.digest), ("semver", &oci.semver), ("tag", &oci.tag)];
    let chosen: Map<String, Value> =
        chosen.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value.as_ref()?)))).collect();
    put(spec, "ref", (!chosen.is_empty()).then_some(chosen));
    if oci.media_type.is_some() || oci.operation.is_some() {
        let mut selector = json!({});
        put(&mut selector, "mediaType", oci.media_type.as_deref());
        put(&mut selector, "operation", oci.operation);
        spec["layerSelector"] = selector;
    }
    spec["insecure"] = json!(oci.insecure);
    spec["provider"] = json!(if oci.uses_identity { "azure" } else { "generic" });
    put(spec, "serviceAccountName", oci.account.as_deref());
    put(spec, "secretRef", named(oci.secret.as_deref()));
    put(spec, "certSecretRef", made.refer("tls", oci.tls.iter().map(|(key, value)| (*key, value))));
    put(spec, "verify", oci.verify.as_ref().map(|verify| self::verify(verify, made)));
}

fn verify(verify: &FluxVerify, made: &mut Secrets<'_>) -> Value {
    let mut spec = json!({"provider": verify.provider});
    let secret = made.refer("verify", verify.entries.iter().map(|(key, value)| (key.as_str(), value)));
    put(&mut spec, "secretRef", secret);
    if !verify.identities.is_empty() {
        let identities = verify.identities.iter();
        let identities = identities.map(|(issuer, subject)| json!({"issuer": issuer, "subject": subject}));
        spec["matchOIDCIdentity"] = identities.collect();
    }
    spec
}
