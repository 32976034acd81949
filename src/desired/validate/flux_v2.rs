//! What of a `FluxConfiguration` only engine `flux-v2` has a use for.
use super::{
    super::Problem,
    protected::{BUCKET_KEY, Protected},
    seconds,
    texts::decoded,
};
use crate::{
    api::{
        AzureBlob, Bucket, FluxConfigurationSpec, GitProvider, LayerOperation, OciRepository, ServicePrincipal,
        SourceKind,
    },
    model::{
        configuration::{Credentials, GitSource, Reference, SecretRef, Setting},
        flux::{Entries, FluxBucket, FluxOci, FluxSource, FluxVerify},
    },
};
use secrecy::SecretString;

/// Where a source that is no Git repository is, and what proves who asks. Its Secrets are read by the agent.
pub(super) fn address(
    spec: &FluxConfigurationSpec,
    found: Protected,
    problems: &mut Vec<Problem>,
) -> (GitSource, Vec<String>) {
    let (url, timeout, interval, user) = match spec.source_kind.unwrap_or_default() {
        SourceKind::Bucket => {
            let one = spec.bucket.clone().unwrap_or_default();
            bucket_key(&one, &found, problems);
            (one.url, one.timeout_in_seconds, one.sync_interval_in_seconds, one.access_key)
        }
        SourceKind::AzureBlob => {
            let one = spec.azure_blob.clone().unwrap_or_default();
            (one.url, one.timeout_in_seconds, one.sync_interval_in_seconds, None)
        }
        SourceKind::OciRepository => {
            let one = spec.oci_repository.clone().unwrap_or_default();
            (one.url, one.timeout_in_seconds, one.sync_interval_in_seconds, None)
        }
        SourceKind::GitRepository => (String::new(), None, None, None),
    };
    let is_bucket = spec.source_kind == Some(SourceKind::Bucket);
    for setting in ["sshPrivateKey", "httpsKey", BUCKET_KEY] {
        if let Some(field) = found.field_of(setting).filter(|_| !is_bucket || setting != BUCKET_KEY) {
            problems.push(Problem::new(field, "has no use with this kind of source").hint("leave it out").warning());
        }
    }
    let is_of_bucket = |one: &SecretRef| matches!(one, SecretRef::Entry { setting: Setting::BucketSecretKey, .. });
    let source = GitSource {
        url,
        allow_local: false,
        reference: Reference::default(),
        credentials: Credentials { password: found.bucket_key.filter(|_| is_bucket), user, ..Credentials::default() },
        secret_refs: found.refs.into_iter().filter(|one| is_bucket && is_of_bucket(one)).collect(),
        timeout: seconds(timeout),
        interval: seconds(interval),
    };
    (source, found.resolved)
}

/// Access key and secret key come together.
fn bucket_key(one: &Bucket, found: &Protected, problems: &mut Vec<Problem>) {
    match (one.access_key.is_some(), found.field_of(BUCKET_KEY)) {
        (true, None) => problems.push(
            Problem::new("spec.bucket.accessKey", "comes without bucketSecretKey")
                .hint("they come together; give bucketSecretKey in protectedSettingsFrom"),
        ),
        (false, Some(_)) => problems.push(
            Problem::new("spec.bucket.accessKey", "is missing beside bucketSecretKey").hint("they come together"),
        ),
        (true, Some(_)) | (false, None) => {}
    }
}

/// The source in Flux's words.
pub(super) fn source(spec: &FluxConfigurationSpec, problems: &mut Vec<Problem>) -> FluxSource {
    match spec.source_kind.unwrap_or_default() {
        SourceKind::GitRepository => {
            let provider = spec.git_repository.as_ref().and_then(|git| git.provider);
            FluxSource::Git {
                provider: match provider.unwrap_or_default() {
                    GitProvider::Generic => None,
                    GitProvider::Azure => Some("azure"),
                    GitProvider::GitHub => Some("github"),
                },
            }
        }
        SourceKind::Bucket => FluxSource::Bucket(bucket(&spec.bucket.clone().unwrap_or_default())),
        SourceKind::AzureBlob => FluxSource::Bucket(azure_blob(&spec.azure_blob.clone().unwrap_or_default(), problems)),
        SourceKind::OciRepository => {
            FluxSource::Oci(Box::new(oci(&spec.oci_repository.clone().unwrap_or_default(), problems)))
        }
    }
}

fn bucket(one: &Bucket) -> FluxBucket {
    let is_https = one.url.starts_with("https://");
    let endpoint = one.url.split_once("://").map_or(one.url.as_str(), |(_, rest)| rest);
    FluxBucket {
        provider: "generic",
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        name: one.bucket_name.clone().unwrap_or_default(),
        // The default of the resource is true; an address that says https says more.
        insecure: one.insecure.unwrap_or(true) && !is_https,
        entries: Entries::new(),
        secret: one.local_auth_ref.clone(),
    }
}

fn azure_blob(one: &AzureBlob, problems: &mut Vec<Problem>) -> FluxBucket {
    let mut entries = Entries::new();
    entries.extend(one.account_key.clone().map(|key| ("accountKey", key.into())));
    entries.extend(one.sas_token.clone().map(|token| ("sasKey", token.into())));
    let identity = one.managed_identity.as_ref().and_then(|identity| identity.client_id.clone());
    entries.extend(identity.map(|client| ("clientId", client.into())));
    if let Some(principal) = &one.service_principal {
        service_principal(principal, &mut entries, problems);
    }
    FluxBucket {
        provider: "azure",
        endpoint: one.url.clone(),
        name: one.container_name.clone().unwrap_or_default(),
        insecure: false,
        entries,
        secret: one.local_auth_ref.clone(),
    }
}

fn service_principal(one: &ServicePrincipal, entries: &mut Entries, problems: &mut Vec<Problem>) {
    let field = "spec.azureBlob.servicePrincipal.clientCertificate";
    let chain = one.client_certificate_send_chain.filter(|is_sent| *is_sent).map(|_| "true".to_owned());
    let all = [
        ("clientId", one.client_id.clone()),
        ("tenantId", one.tenant_id.clone()),
        ("clientSecret", one.client_secret.clone()),
        ("clientCertificate", decoded(field, one.client_certificate.as_deref(), problems)),
        ("clientCertificatePassword", one.client_certificate_password.clone()),
        ("clientCertificateSendChain", chain),
    ];
    entries.extend(all.into_iter().filter_map(|(key, value)| Some((key, value?.into()))));
}

fn oci(one: &OciRepository, problems: &mut Vec<Problem>) -> FluxOci {
    let reference = one.repository_ref.clone().unwrap_or_default();
    let selector = one.layer_selector.clone().unwrap_or_default();
    FluxOci {
        url: one.url.clone(),
        digest: reference.digest,
        semver: reference.semver,
        tag: reference.tag,
        media_type: selector.media_type,
        operation: selector.operation.map(|operation| match operation {
            LayerOperation::Extract => "extract",
            LayerOperation::Copy => "copy",
        }),
        verify: one.verify.as_ref().map(|_| verify(one, problems)),
        insecure: one.insecure.unwrap_or(false),
        uses_identity: one.use_workload_identity.unwrap_or(false),
        account: one.service_account_name.clone(),
        tls: tls(one, problems),
        secret: one.local_auth_ref.clone(),
    }
}

fn tls(one: &OciRepository, problems: &mut Vec<Problem>) -> Entries {
    let tls = one.tls_config.clone().unwrap_or_default();
    let all = [
        ("tls.crt", "clientCertificate", tls.client_certificate),
        ("tls.key", "privateKey", tls.private_key),
        ("ca.crt", "caCertificate", tls.ca_certificate),
    ];
    let texts = all.into_iter().filter_map(|(key, name, value)| {
        let field = format!("spec.ociRepository.tlsConfig.{name}");
        Some((key, decoded(&field, value.as_deref(), problems)?.into()))
    });
    texts.collect()
}

fn verify(one: &OciRepository, problems: &mut Vec<Problem>) -> FluxVerify {
    let verify = one.verify.clone().unwrap_or_default();
    let field = |name: &str| format!("spec.ociRepository.verify.verificationConfig.{name}");
    let keys = verify.verification_config.into_iter().flatten().filter_map(|(name, value)| {
        let text: SecretString = decoded(&field(&name), Some(&value), problems)?.into();
        Some((name, text))
    });
    FluxVerify {
        entries: keys.collect(),
        provider: verify.provider.unwrap_or_else(|| "cosign".to_owned()),
        identities: verify
            .match_oidc_identity
            .into_iter()
            .flatten()
            .map(|identity| (identity.issuer.unwrap_or_default(), identity.subject.unwrap_or_default()))
            .collect(),
    }
}

/// Settings that are Arcwright's own, and that the controllers do not know.
pub(super) fn ignored(spec: &FluxConfigurationSpec, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut ignored = Vec::new();
    for (name, one) in spec.kustomizations.iter().flatten() {
        for (field, is_given) in [("allowEmpty", one.allow_empty.is_some()), ("drift", one.drift.is_some())] {
            if is_given {
                let why = "has no meaning for engine flux-v2: the controllers decide that by themselves";
                let at = format!("kustomizations.{name}.{field}");
                problems.push(Problem::new(format!("spec.{at}"), why).hint("leave it out").warning());
                ignored.push(format!("{at}: {why}"));
            }
        }
    }
    ignored
}
