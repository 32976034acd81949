//! Sources that engine `native` does not fetch, and engine `flux-v2` does: checked all the same, and refused by name.
use super::super::{Problem, check::child};
use crate::api::{AzureBlob, Bucket, FluxConfigurationSpec, OciRepository, ServicePrincipal, SourceKind};

/// Compares the kind of source with the sources that are given.
pub(super) fn source_kind(spec: &FluxConfigurationSpec, is_native: bool, problems: &mut Vec<Problem>) {
    let kind = spec.source_kind.unwrap_or_default();
    let given = [
        (SourceKind::GitRepository, "gitRepository", spec.git_repository.is_some()),
        (SourceKind::Bucket, "bucket", spec.bucket.is_some()),
        (SourceKind::AzureBlob, "azureBlob", spec.azure_blob.is_some()),
        (SourceKind::OciRepository, "ociRepository", spec.oci_repository.is_some()),
    ];
    let others: Vec<&str> =
        given.iter().filter(|(other, _, is_given)| *is_given && *other != kind).map(|(_, name, _)| *name).collect();
    for (_, name, _) in given.iter().filter(|(other, _, is_given)| *other == kind && !is_given) {
        let problem = Problem::new(format!("spec.{name}"), format!("is missing, and sourceKind is {}", word(kind)));
        problems.push(match others.first() {
            Some(other) => problem.hint(format!("{other} is given: change sourceKind, or give {name}")),
            None => problem.hint(format!("give {name}, with its url")),
        });
    }
    for other in others {
        problems.push(
            Problem::new(format!("spec.{other}"), format!("is not used, since sourceKind is {}", word(kind)))
                .hint("leave it out")
                .warning(),
        );
    }
    if is_native && kind != SourceKind::GitRepository {
        problems.push(
            Problem::new("spec.sourceKind", format!("{} is not fetched by engine native", word(kind)))
                .hint("use GitRepository, or engine flux-v2"),
        );
    }
    spec.bucket.iter().for_each(|one| bucket(one, problems));
    spec.azure_blob.iter().for_each(|one| azure_blob(one, problems));
    spec.oci_repository.iter().for_each(|one| oci_repository(one, problems));
}

fn word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::GitRepository => "GitRepository",
        SourceKind::Bucket => "Bucket",
        SourceKind::AzureBlob => "AzureBlob",
        SourceKind::OciRepository => "OCIRepository",
    }
}

fn bucket(one: &Bucket, problems: &mut Vec<Problem>) {
    let at = |name: &str| child("spec.bucket", name);
    http(&at("url"), &one.url, problems);
    required(&at("bucketName"), one.bucket_name.as_deref(), problems);
    exclusive(
        "spec.bucket",
        &[("accessKey", one.access_key.is_some()), ("localAuthRef", one.local_auth_ref.is_some())],
        problems,
    );
}

fn azure_blob(one: &AzureBlob, problems: &mut Vec<Problem>) {
    let at = |name: &str| child("spec.azureBlob", name);
    http(&at("url"), &one.url, problems);
    required(&at("containerName"), one.container_name.as_deref(), problems);
    let ways = [
        ("servicePrincipal", one.service_principal.is_some()),
        ("accountKey", one.account_key.is_some()),
        ("sasToken", one.sas_token.is_some()),
        ("managedIdentity", one.managed_identity.is_some()),
        ("localAuthRef", one.local_auth_ref.is_some()),
    ];
    exclusive("spec.azureBlob", &ways, problems);
    if let Some(principal) = &one.service_principal {
        service_principal(&at("servicePrincipal"), principal, problems);
    }
}

fn service_principal(field: &str, one: &ServicePrincipal, problems: &mut Vec<Problem>) {
    required(&child(field, "clientId"), one.client_id.as_deref(), problems);
    required(&child(field, "tenantId"), one.tenant_id.as_deref(), problems);
    if one.client_secret.is_some() == one.client_certificate.is_some() {
        problems.push(Problem::new(field, "needs exactly one of clientSecret and clientCertificate"));
    }
}

fn oci_repository(one: &OciRepository, problems: &mut Vec<Problem>) {
    if !one.url.starts_with("oci://") {
        problems.push(Problem::new("spec.ociRepository.url", "must begin with oci://"));
    }
    let digest = one.repository_ref.as_ref().and_then(|reference| reference.digest.as_deref());
    let is_digest = |text: &str| {
        text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()))
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        problems
            .push(Problem::new("spec.ociRepository.repositoryRef.digest", "must be sha256: and 64 hexadecimal digits"));
    }
}

fn http(field: &str, url: &str, problems: &mut Vec<Problem>) {
    if !url.starts_with("https://") && !url.starts_with("http://") {
        problems.push(Problem::new(field, "must begin with https:// or http://"));
    }
}

fn required(field: &str, value: Option<&str>, problems: &mut Vec<Problem>) {
    if value.is_none_or(str::is_empty) {
        problems.push(Problem::new(field, "is missing"));
    }
}

fn exclusive(field: &str, ways: &[(&str, bool)], problems: &mut Vec<Problem>) {
    let given: Vec<&str> = ways.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect();
    if given.len() > 1 {
        problems.push(
            Problem::new(field, format!("has several ways to log in: {}", given.join(", "))).hint("keep one of them"),
        );
    }
}
