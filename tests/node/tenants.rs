//! A cluster that is shared: each tenant's configurations write as an account with rights of its own.
use crate::{
    bed::{Release, apply, eventually, kubectl, read, wait},
    repository::{Repository, configuration},
};

const ACCOUNTS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: team-a}
---
apiVersion: v1
kind: Namespace
metadata: {name: team-b}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: team-a}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: team-b}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: team-a}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get, create, patch, delete]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: team-a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: ServiceAccount, name: deployer, namespace: team-a}]
";

#[test]
#[ignore = "it takes a node: ./test node"]
fn the_example_for_a_shared_cluster_gives_tenants_their_own_rights_only() {
    let object = |namespace: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: {namespace}}}\n")
    };
    let repository =
        Repository::serve(&[("team-a/settings.yaml", &object("team-a")), ("team-b/settings.yaml", &object("team-b"))]);
    let example = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chart/tenants.yaml"));
    let mut values = arcwright::yaml::read(&example.expect("the example")).expect("YAML").remove(0);
    values["authorities"] = repository.values(&[])["authorities"].clone();
    // The image is the tests' own.
    values["image"] = serde_json::json!({});
    let release = Release::install(&values.to_string());
    apply(ACCOUNTS);
    for team in ["team-a", "team-b"] {
        let one = configuration("settings", &repository.url(), team);
        apply(&one.replace("namespace: shop", &format!("namespace: {team}")));
    }
    wait("team-a", "fluxconfiguration/settings", "jsonpath={.status.complianceState}=Compliant");
    let object = read(&["configmap", "settings", "--namespace", "team-a"]);
    assert_eq!(object["metadata"]["name"], "settings");
    let refused = eventually("the other account is refused", || {
        let status = read(&["fluxconfiguration", "settings", "--namespace", "team-b"])["status"].to_string();
        status.contains("Non-Compliant").then_some(status)
    });
    assert!(refused.contains("system:serviceaccount:team-b:deployer"), "{refused}");
    drop(release);
    kubectl(&["delete", "namespace", "team-a", "team-b"]);
}
