//! What a path names. Names compare without regard to case, and are kept as they were written.
use super::ArmError;
use crate::api::plane;
use http::StatusCode;

/// Which generation of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum ConfigurationKind {
    SourceControl,
    Flux,
}

impl ConfigurationKind {
    /// The type of the resource, with its provider.
    pub(in crate::hub) fn resource_type(self) -> &'static str {
        match self {
            Self::SourceControl => "Microsoft.KubernetesConfiguration/sourceControlConfigurations",
            Self::Flux => "Microsoft.KubernetesConfiguration/fluxConfigurations",
        }
    }

    fn named(segment: &str) -> Option<Self> {
        [Self::SourceControl, Self::Flux]
            .into_iter()
            .find(|kind| kind.resource_type().rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(segment)))
    }
}

/// What an owner does about a cluster's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum IdentityAct {
    /// Lets it enrol with its onboarding key once more.
    AllowEnrolment,
    /// Takes it away.
    Revoke,
}

/// What a path names. Each part is as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Target {
    Tenants,
    Subscriptions,
    Subscription(String),
    /// Where resources can be.
    Locations {
        subscription: String,
    },
    Providers {
        subscription: String,
    },
    Provider {
        subscription: String,
        namespace: String,
    },
    /// Registering a provider, or its contrary.
    Registration {
        subscription: String,
        namespace: String,
        is_wanted: bool,
    },
    Groups {
        subscription: String,
    },
    Group {
        subscription: String,
        group: String,
    },
    /// The writes that were tried of late.
    ActivityLog {
        subscription: String,
    },
    /// Every resource of a subscription, or of a group.
    Resources {
        subscription: String,
        group: Option<String>,
    },
    ProviderOperations {
        namespace: String,
    },
    Clusters {
        subscription: String,
        group: Option<String>,
    },
    Cluster {
        group: String,
        id: String,
    },
    /// The credentials by which people reach a cluster through the control plane.
    ClusterCredential {
        id: String,
    },
    Configurations {
        kind: ConfigurationKind,
        cluster: String,
    },
    Configuration {
        kind: ConfigurationKind,
        cluster: String,
        id: String,
    },
    /// Something that the owner does about a cluster's identity.
    Identity {
        id: String,
        act: IdentityAct,
    },
    /// A call of a cluster's agent.
    Plane {
        cluster: String,
        call: plane::Call,
    },
    /// A long-running operation on something below a subscription: how it stands, or whether it has ended.
    Operation {
        subscription: String,
        operation: String,
        is_result: bool,
    },
}

/// The form in which ids are compared and stored: lower case, no slash at the end.
pub(in crate::hub) fn key(id: &str) -> String {
    id.trim_end_matches('/').to_lowercase()
}

/// The id of a cluster.
fn cluster(subscription: &str, group: &str, name: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{}/{name}", super::CLUSTER_TYPE)
}

impl Target {
    /// Reads a path without its query.
    ///
    /// # Errors
    /// When nothing of this control plane has such a path.
    pub(in crate::hub) fn read(path: &str) -> Result<Self, ArmError> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let at = |index: usize| segments[index].to_owned();
        let unknown = || {
            let message = format!("The request path '{path}' is not one of this control plane.");
            ArmError::new(StatusCode::NOT_FOUND, "InvalidResourceType", message)
        };
        match lower.as_slice() {
            ["tenants"] => Ok(Self::Tenants),
            ["subscriptions"] => Ok(Self::Subscriptions),
            ["providers", _, "operations"] => Ok(Self::ProviderOperations { namespace: at(1) }),
            ["subscriptions", _] => Ok(Self::Subscription(at(1))),
            ["subscriptions", _, "locations"] => Ok(Self::Locations { subscription: at(1) }),
            ["subscriptions", _, "resourcegroups"] => Ok(Self::Groups { subscription: at(1) }),
            ["subscriptions", _, "resourcegroups", _] => Ok(Self::Group { subscription: at(1), group: at(3) }),
            ["subscriptions", _, "resources"] => Ok(Self::Resources { subscription: at(1), group: None }),
            ["subscriptions", _, "resourcegroups", _, "resources"] => {
                Ok(Self::Resources { subscription: at(1), group: Some(at(3)) })
            }
            ["subscriptions", _, "providers"] => Ok(Self::Providers { subscription: at(1) }),
            ["subscriptions", _, "providers", _] => Ok(Self::Provider { subscription: at(1), namespace: at(3) }),
            ["subscriptions", _, "providers", _, action @ ("register" | "unregister")] => {
                Ok(Self::Registration { subscription: at(1), namespace: at(3), is_wanted: *action == "register" })
            }
            ["subscriptions", _, "providers", "microsoft.insights", "eventtypes", "management", "values"] => {
                Ok(Self::ActivityLog { subscription: at(1) })
            }
            ["subscriptions", _, "providers", "microsoft.kubernetes", "connectedclusters"] => {
                Ok(Self::Clusters { subscription: at(1), group: None })
            }
            [
                "subscriptions",
                _,
                "providers",
                _,
                "locations",
                _,
                about @ ("operationstatuses" | "operationresults"),
                _,
            ] => Ok(Self::Operation { subscription: at(1), operation: at(7), is_result: *about == "operationresults" }),
            ["subscriptions", _, "resourcegroups", _, "providers", "microsoft.kubernetes", "connectedclusters", ..] => {
                Self::of_cluster(&segments, &lower).ok_or_else(unknown)
            }
            ["subscriptions", _, "resourcegroups", _, "provider", provider, "clusters", _, below @ ..] => {
                let is_cluster = provider.eq_ignore_ascii_case(plane::PROVIDER);
                let below = below.join("/");
                let call = plane::Call::ALL.into_iter().find(|call| call.path().eq_ignore_ascii_case(&below));
                let cluster = cluster(segments[1], segments[3], segments[7]);
                call.filter(|_| is_cluster).map(|call| Self::Plane { cluster, call }).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }

    /// A path that begins with the clusters of a group.
    fn of_cluster(segments: &[&str], lower: &[&str]) -> Option<Self> {
        let (subscription, group) = (segments[1].to_owned(), segments[3].to_owned());
        let Some(name) = segments.get(7) else { return Some(Self::Clusters { subscription, group: Some(group) }) };
        let cluster = cluster(&subscription, &group, name);
        match lower.get(8..).unwrap_or_default() {
            [] => Some(Self::Cluster { group, id: cluster }),
            ["listclusterusercredential"] => Some(Self::ClusterCredential { id: cluster }),
            ["allowenrolment"] => Some(Self::Identity { id: cluster, act: IdentityAct::AllowEnrolment }),
            ["revokeidentity"] => Some(Self::Identity { id: cluster, act: IdentityAct::Revoke }),
            ["providers", "microsoft.kubernetesconfiguration", kind, rest @ ..] => {
                let kind = ConfigurationKind::named(kind)?;
                let id = |name: &str| format!("{cluster}/providers/{}/{name}", kind.resource_type());
                match rest {
                    [] => Some(Self::Configurations { kind, cluster }),
                    [_] => Some(Self::Configuration { kind, id: id(segments[11]), cluster }),
                    [_, "operations", _] => {
                        Some(Self::Operation { subscription, operation: segments[13].to_owned(), is_result: false })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The subscription that is meant, where one is.
    pub(in crate::hub) fn subscription(&self) -> Option<&str> {
        match self {
            Self::Tenants | Self::Subscriptions | Self::ProviderOperations { .. } => None,
            Self::Subscription(subscription)
            | Self::Locations { subscription }
            | Self::Providers { subscription }
            | Self::Provider { subscription, .. }
            | Self::Registration { subscription, .. }
            | Self::Groups { subscription }
            | Self::Group { subscription, .. }
            | Self::ActivityLog { subscription }
            | Self::Resources { subscription, .. }
            | Self::Clusters { subscription, .. }
            | Self::Operation { subscription, .. } => Some(subscription),
            Self::Cluster { id, .. }
            | Self::ClusterCredential { id }
            | Self::Identity { id, .. }
            | Self::Configuration { id, .. } => id.split('/').nth(2),
            Self::Configurations { cluster, .. } | Self::Plane { cluster, .. } => cluster.split('/').nth(2),
        }
    }

    /// The cluster that is meant or that holds what is meant, as an id.
    pub(in crate::hub) fn cluster(&self) -> Option<&str> {
        match self {
            Self::Cluster { id, .. } | Self::ClusterCredential { id } | Self::Identity { id, .. } => Some(id),
            Self::Configurations { cluster, .. }
            | Self::Configuration { cluster, .. }
            | Self::Plane { cluster, .. } => Some(cluster),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str =
        "/subscriptions/S1/resourceGroups/Shops/providers/Microsoft.Kubernetes/connectedClusters/North";

    #[test]
    fn paths_are_read_whatever_their_case_and_names_kept() {
        let lower = "/SUBSCRIPTIONS/S1/resourcegroups/Shops/PROVIDERS/microsoft.kubernetes/ConnectedClusters/North/";
        assert_eq!(Target::read(lower), Ok(Target::Cluster { group: "Shops".into(), id: CLUSTER.into() }));
        let flux = format!("{CLUSTER}/providers/microsoft.kubernetesConfiguration/FluxConfigurations/Web");
        let id = format!("{CLUSTER}/providers/Microsoft.KubernetesConfiguration/fluxConfigurations/Web");
        let target = Target::Configuration { kind: ConfigurationKind::Flux, cluster: CLUSTER.into(), id };
        assert_eq!(Target::read(&flux), Ok(target.clone()));
        assert_eq!((target.subscription(), target.cluster()), (Some("S1"), Some(CLUSTER)));
        assert_eq!(key(&format!("{CLUSTER}/")), key(&CLUSTER.to_uppercase()));
    }

    #[test]
    fn operations_are_found_where_clients_are_sent() {
        let at_configuration =
            format!("{CLUSTER}/providers/Microsoft.KubernetesConfiguration/fluxConfigurations/Web/operations/o1");
        let at_location = "/subscriptions/S1/providers/Microsoft.Kubernetes/locations/here/operationStatuses/o1";
        for path in [at_configuration.as_str(), at_location] {
            let target = Target::Operation { subscription: "S1".into(), operation: "o1".into(), is_result: false };
            assert_eq!(Target::read(path), Ok(target), "{path}");
        }
    }

    #[test]
    fn an_agents_calls_are_about_its_cluster() {
        let path = plane::path(CLUSTER, plane::Call::Pull).expect("a path");
        let wanted = Target::Plane { cluster: CLUSTER.into(), call: plane::Call::Pull };
        assert_eq!(Target::read(&path), Ok(wanted.clone()));
        let of_arc = path.replace("k", "K").replace("connectedClusters", "ConnectedClusters");
        assert_eq!(Target::read(&of_arc), Ok(wanted), "as the first agents wrote it");
        assert!(Target::read(&path.replace("Kubernetes", "Compute")).is_err());
    }

    #[test]
    fn what_is_not_here_is_said_so() {
        for path in [
            "/",
            "/subscriptions/S1/nothing",
            &format!("{CLUSTER}/nothing"),
            &format!("{CLUSTER}/providers/Microsoft.KubernetesConfiguration/others"),
        ] {
            assert_eq!(Target::read(path).expect_err(path).code, "InvalidResourceType");
        }
    }
}
