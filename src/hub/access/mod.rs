//! Who asks, and what they may do.
mod assertion;
mod keys;
mod known;
mod lockout;
mod rate;
mod tokens;

pub use keys::KeyError;
pub(super) use keys::Signer;
pub(super) use known::Known;
pub(super) use lockout::Lockout;
pub(super) use rate::Rate;
pub(super) use tokens::{Claims, GrantError, Granted, Granting, TOKEN_LIFE, fingerprint, issuer};

use super::{
    arm::{ArmError, Target, key},
    store::{Principal, Role},
};
use http::{Method, StatusCode};

/// Whether somebody may do something. Pure.
pub(super) fn may(principal: &Principal, method: &Method, target: &Target) -> bool {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let is_call = matches!(target, Target::Plane { .. });
    match principal.role {
        Role::Owner => !is_call,
        Role::Reader => is_read && !is_call,
        Role::Cluster => (is_read || is_call) && target.cluster().is_some_and(|id| key(id) == principal.cluster),
    }
}

/// What somebody is told who may not.
pub(super) fn forbidden(principal: &Principal, method: &Method, path: &str) -> ArmError {
    let message = format!(
        "The client '{}' with role '{}' does not have authorization to perform {method} over '{path}'.",
        principal.client_id,
        principal.role.word()
    );
    ArmError::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Kubernetes/connectedClusters/North";
    const OTHER: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Kubernetes/connectedClusters/South";

    fn target(path: &str) -> Target {
        Target::read(path).expect(path)
    }

    fn principal(role: Role) -> Principal {
        Principal { client_id: "c".into(), role, cluster: key(OWN), name: String::new() }
    }

    #[test]
    fn a_cluster_reads_its_own_and_nothing_else() {
        let cluster = principal(Role::Cluster);
        let flux = "/providers/Microsoft.KubernetesConfiguration/fluxConfigurations";
        for path in [OWN.to_owned(), OWN.to_uppercase(), format!("{OWN}{flux}"), format!("{OWN}{flux}/web")] {
            assert!(may(&cluster, &Method::GET, &target(&path)), "{path}");
            assert!(!may(&cluster, &Method::PUT, &target(&path)) && !may(&cluster, &Method::DELETE, &target(&path)));
        }
        for path in [
            OTHER.to_owned(),
            format!("{OTHER}{flux}/web"),
            "/subscriptions".into(),
            "/subscriptions/s/resourceGroups/g".into(),
            "/subscriptions/s/providers/Microsoft.Kubernetes/connectedClusters".into(),
            "/subscriptions/s/resources".into(),
        ] {
            assert!(!may(&cluster, &Method::GET, &target(&path)), "{path}");
        }
    }

    #[test]
    fn a_reader_writes_nothing_and_an_owner_everything() {
        for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::POST] {
            assert!(
                !may(&principal(Role::Reader), &method, &target(OWN))
                    && may(&principal(Role::Owner), &method, &target(OWN))
            );
        }
        assert!(may(&principal(Role::Reader), &Method::GET, &target(OTHER)));
    }
}
