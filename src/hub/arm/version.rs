//! Which API versions are served.
use super::ArmError;
use http::StatusCode;

/// A resource type and its API versions, newest first.
pub(in crate::hub) struct Type {
    pub(in crate::hub) name: &'static str,
    pub(in crate::hub) versions: &'static [&'static str],
}

/// A resource provider.
pub(in crate::hub) struct Provider {
    pub(in crate::hub) namespace: &'static str,
    pub(in crate::hub) types: &'static [Type],
}

const CLUSTERS: &[&str] = &["2026-05-01", "2026-03-01", "2024-01-01", "2021-10-01", "2021-03-01"];
const SOURCE_CONTROL: &[&str] = &["2023-05-01", "2022-11-01", "2022-07-01", "2022-03-01", "2021-03-01"];
const FLUX: &[&str] = &["2025-04-01", "2024-11-01", "2023-05-01", "2022-11-01", "2022-07-01", "2022-03-01"];

/// The providers of this control plane.
///
/// Source: the public specifications, `stable` versions.
pub(in crate::hub) fn providers() -> &'static [Provider] {
    &[
        Provider {
            namespace: "Microsoft.Kubernetes",
            types: &[
                Type { name: "connectedClusters", versions: CLUSTERS },
                Type { name: "locations/operationStatuses", versions: CLUSTERS },
                Type { name: "operations", versions: CLUSTERS },
            ],
        },
        Provider {
            namespace: "Microsoft.KubernetesConfiguration",
            types: &[
                Type { name: "sourceControlConfigurations", versions: SOURCE_CONTROL },
                Type { name: "fluxConfigurations", versions: FLUX },
                Type { name: "operations", versions: FLUX },
            ],
        },
    ]
}

/// Checks the version that a client asks for. A type without versions of its own (groups, subscriptions) takes any date.
///
/// # Errors
/// When none is given, or one that is not served.
pub(in crate::hub) fn checked_version<'a>(
    version: Option<&'a str>,
    resource_type: Option<&str>,
) -> Result<&'a str, ArmError> {
    let Some(version) = version.filter(|version| !version.is_empty()) else {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message));
    };
    let versions = resource_type.and_then(|name| name.split_once('/')).map(|(namespace, name)| {
        let provider = providers().iter().find(|provider| provider.namespace == namespace);
        provider
            .and_then(|provider| provider.types.iter().find(|one| one.name == name))
            .map_or(&[][..], |one| one.versions)
    });
    match versions {
        Some(versions) if !versions.iter().any(|one| one.eq_ignore_ascii_case(version)) => {
            let name = resource_type.unwrap_or_default();
            let message = format!(
                "No registered resource provider found for API version '{version}' for type '{}'. The supported api-versions are '{}'.",
                name.rsplit('/').next().unwrap_or(name),
                versions.join(", ")
            );
            Err(ArmError::new(StatusCode::BAD_REQUEST, "NoRegisteredProviderFound", message))
        }
        None if !is_date(version) => {
            let message = format!("The api-version '{version}' is invalid. It is a date, as in 2021-04-01.");
            Err(ArmError::new(StatusCode::BAD_REQUEST, "InvalidApiVersionParameter", message))
        }
        Some(_) | None => Ok(version),
    }
}

fn is_date(version: &str) -> bool {
    let date = version.get(..10).and_then(|date| date.parse::<jiff::civil::Date>().ok());
    date.is_some() && (version.len() == 10 || version.as_bytes().get(10) == Some(&b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_not_served_is_answered_with_those_that_are() {
        assert_eq!(
            checked_version(Some("2021-03-01"), Some("Microsoft.Kubernetes/connectedClusters")),
            Ok("2021-03-01")
        );
        let refused = checked_version(Some("2019-01-01"), Some("Microsoft.KubernetesConfiguration/fluxConfigurations"));
        let refused = refused.expect_err("unknown");
        assert_eq!(refused.code, "NoRegisteredProviderFound");
        assert!(refused.message.contains("2025-04-01, 2024-11-01"), "{}", refused.message);
    }

    #[test]
    fn any_date_does_for_what_has_no_versions_of_its_own() {
        assert!(
            checked_version(Some("2021-04-01"), None).is_ok()
                && checked_version(Some("2021-04-01-preview"), None).is_ok()
        );
        assert_eq!(checked_version(Some("latest"), None).expect_err("no date").code, "InvalidApiVersionParameter");
        assert_eq!(checked_version(None, None).expect_err("none").code, "MissingApiVersionParameter");
    }
}
