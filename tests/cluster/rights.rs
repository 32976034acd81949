//! In whose name objects are written, and that nobody gets further than that.
use crate::{
    live::Live,
    support::{Bed, eventually, kubeconfig, kubectl, map, namespace},
};
use serde_json::Value;
use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

/// What any agent needs.
const BASE: &str = include_str!("../../chart/files/rights/agent.yaml");
const SEES_ALL: &str = include_str!("../../chart/files/rights/observe.yaml");
const IMPERSONATES: &str = include_str!("../../chart/files/rights/impersonate.yaml");
const MAKES_ACCOUNTS: &str = include_str!("../../chart/files/rights/accounts-namespace.yaml");
const BINDS_CLUSTER: &str = include_str!("../../chart/files/rights/accounts-cluster.yaml");

fn apply(text: &str) {
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(kubeconfig()).args(["apply", "-f", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("kubectl runs");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    assert!(child.wait().expect("an end").success(), "{text}");
}

/// Gives the agent of a test exactly these rights.
fn grant(bed: &Bed, rules: &[&str]) {
    let name = &bed.namespace;
    apply(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}}}\nrules:\n{}",
        rules.concat()
    ));
}

/// A kubeconfig of an agent that has no rights but some.
fn limited(bed: &Bed, rules: &[&str]) -> PathBuf {
    let name = &bed.namespace;
    grant(bed, rules);
    apply(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: default}}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {name}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {name}}}\nsubjects: [{{kind: ServiceAccount, name: {name}, namespace: default}}]\n"
    ));
    let token = kubectl(&["create", "token", name, "-n", "default"]).expect("a token");
    let config = kubectl(&["config", "view", "--raw", "-o", "json"]).expect("a kubeconfig");
    let mut config: Value = serde_json::from_str(&config).expect("an object");
    config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
    let path = bed.directory.path().join("limited.kubeconfig");
    std::fs::write(&path, config.to_string()).expect("a file");
    path
}

/// A state file with a configuration of a scope, which may name an account.
fn state(bed: &Bed, more: &str) {
    let text = bed.configuration(
        &bed.namespace,
        &bed.repository().display().to_string(),
        "{path: app, prune: true, retryIntervalInSeconds: 1}",
    );
    bed.write_state(&[text + more]);
}

/// Whether somebody may do something; `namespace` is empty for all of them.
fn may(user: &str, verb: &str, resource: &str, namespace: &str) -> bool {
    let mut args = vec!["auth", "can-i", verb, resource, "--as", user];
    let scope = if namespace.is_empty() { vec!["-A"] } else { vec!["-n", namespace] };
    args.extend(scope);
    kubectl(&args).is_ok_and(|answer| answer.trim().ends_with("yes"))
}

fn account(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

fn cluster_binding(bed: &Bed) -> bool {
    let name = format!("arcwright.{0}.{0}", bed.namespace);
    kubectl(&["get", "clusterrolebinding", &name]).is_ok()
}

fn message(status: &Value) -> String {
    status.to_string()
}

#[test]
fn an_agent_that_may_change_nothing_itself_works_by_accounts_that_it_makes_and_takes_away() {
    let bed = Bed::new("own-cluster");
    let role =
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: NAMESPACE-reader}\nrules: []\n";
    bed.commit(&[("app/n.yaml", namespace()), ("app/a.yaml", &map("a", "blue")), ("app/role.yaml", role)]);
    state(&bed, "  scope: cluster\n");
    let limited = limited(&bed, &[BASE, SEES_ALL, IMPERSONATES, MAKES_ACCOUNTS, BINDS_CLUSTER]);
    let agent = account("default", &bed.namespace);
    assert!(!may(&agent, "create", "deployments", &bed.namespace) && !may(&agent, "create", "clusterroles", ""));
    let _agent = bed.agent_with(&limited, &["--own-service-accounts"]);
    bed.until_compliant();
    assert!(cluster_binding(&bed));
    let live = Live::shared();
    let inventory = live.get("ConfigMap", &bed.namespace, &format!("arcwright.{}", bed.namespace)).expect("there");
    assert_eq!(inventory["metadata"]["annotations"]["clusterconfig.azure.com/service-account"], "own/cluster");
    // Somebody takes the rights away: the account is made again, and the change is applied.
    kubectl(&["delete", "clusterrolebinding", &format!("arcwright.{0}.{0}", bed.namespace)]).expect("deleted");
    bed.commit(&[("app/a.yaml", &map("a", "green"))]);
    eventually("the change", || bed.colour_in(&live, "a").as_deref() == Some("green"));
    bed.until_compliant();
    bed.write_state(&[bed.configuration("other", &bed.repository().display().to_string(), "{path: none}")]);
    eventually("its end", || kubectl(&["get", "clusterrole", &format!("{}-reader", bed.namespace)]).is_err());
    eventually("the end of its rights", || !cluster_binding(&bed));
}

#[test]
fn an_account_of_scope_namespace_gets_nowhere_else_and_a_narrower_scope_takes_rights_away() {
    let bed = Bed::new("own-namespace");
    bed.commit(&[("app/a.yaml", &map("a", "blue"))]);
    state(&bed, "  scope: cluster\n");
    let limited = limited(&bed, &[BASE, SEES_ALL, IMPERSONATES, MAKES_ACCOUNTS, BINDS_CLUSTER]);
    let _agent = bed.agent_with(&limited, &["--own-service-accounts"]);
    bed.until_compliant();
    let own = account(&bed.namespace, &format!("arcwright.{}", bed.namespace));
    assert!(may(&own, "create", "clusterroles", "") && may(&own, "create", "secrets", "kube-system"));
    state(&bed, "  scope: namespace\n");
    eventually("the end of its rights", || !cluster_binding(&bed));
    bed.until_compliant();
    assert!(may(&own, "create", "deployments", &bed.namespace) && may(&own, "delete", "configmaps", &bed.namespace));
    for (verb, resource, namespace) in [
        ("create", "configmaps", "default"),
        ("get", "secrets", "kube-system"),
        ("list", "pods", "default"),
        ("create", "namespaces", ""),
        ("delete", "namespaces", ""),
        ("create", "clusterroles", ""),
        ("create", "clusterrolebindings", ""),
        ("impersonate", "serviceaccounts", "default"),
        ("create", "customresourcedefinitions", ""),
    ] {
        assert!(!may(&own, verb, resource, namespace), "{verb} {resource} in {namespace:?}");
    }
    let tried = kubectl(&["create", "configmap", &bed.namespace, "-n", "default", "--as", &own]);
    assert!(tried.expect_err("forbidden").contains("forbidden"));
}

#[test]
fn an_agent_that_may_not_bind_in_the_cluster_refuses_scope_cluster_and_serves_scope_namespace() {
    let bed = Bed::new("own-unbound");
    bed.commit(&[("app/a.yaml", &map("a", "blue"))]);
    state(&bed, "  scope: cluster\n");
    let limited = limited(&bed, &[BASE, SEES_ALL, IMPERSONATES, MAKES_ACCOUNTS]);
    let _agent = bed.agent_with(&limited, &["--own-service-accounts"]);
    bed.until_status("a refusal", |status| {
        message(status).contains("cannot patch resource \\\"clusterrolebindings\\\"")
    });
    assert_eq!(bed.colour_in(&Live::shared(), "a"), None, "nothing is applied in another name");
    state(&bed, "  scope: namespace\n");
    bed.until_compliant();
    assert!(!cluster_binding(&bed));
}

#[test]
fn what_a_named_account_may_not_do_fails_alone_and_is_made_up_for_when_it_may() {
    let bed = Bed::new("named");
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: NAMESPACE}\nspec: {ports: [{port: 80}]}\n";
    bed.commit(&[("app/a.yaml", &map("a", "blue")), ("app/s.yaml", service)]);
    state(&bed, "  serviceAccountName: deployer\n");
    let space = &bed.namespace;
    let role = |resources: &str| {
        apply(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: deployer, namespace: {space}}}\nrules: [{{apiGroups: [\"\"], resources: [{resources}], verbs: [get, create, patch, delete]}}]\n"
        ));
    };
    apply(&format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {space}}}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: deployer, namespace: {space}}}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: deployer, namespace: {space}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}}\nsubjects: [{{kind: ServiceAccount, name: deployer, namespace: {space}}}]\n"
    ));
    role("configmaps");
    let limited = limited(&bed, &[BASE, SEES_ALL, IMPERSONATES]);
    let _agent = bed.agent_with(&limited, &[]);
    let who = format!("User \\\"{}\\\" cannot patch resource \\\"services\\\"", account(space, "deployer"));
    bed.until_status("a refusal", |status| message(status).contains(&who) && message(status).contains("grant that"));
    assert_eq!(bed.colour_in(&Live::shared(), "a").as_deref(), Some("blue"), "the rest is applied");
    role("configmaps, services");
    bed.until_compliant();
    assert!(kubectl(&["get", "serviceaccount", &format!("arcwright.{space}"), "-n", space]).is_err(), "none is made");
}

#[test]
fn an_agent_that_may_not_speak_for_an_account_says_so() {
    let bed = Bed::new("no-voice");
    bed.commit(&[("app/a.yaml", &map("a", "blue"))]);
    state(&bed, "");
    let limited = limited(&bed, &[BASE, SEES_ALL]);
    let _agent = bed.agent_with(&limited, &["--default-service-account", "deployer"]);
    bed.until_status("a refusal", |status| message(status).contains("grant the agent the verb impersonate"));
    grant(&bed, &[BASE, SEES_ALL, IMPERSONATES]);
    let who = format!("User \\\"{}\\\" cannot patch", account(&bed.namespace, "deployer"));
    bed.until_status("the account's own refusal", |status| message(status).contains(&who));
}

#[test]
fn a_kind_that_the_agent_may_not_see_is_left_alone_and_holds_up_nothing_else() {
    let bed = Bed::new("unseen");
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: NAMESPACE}\nspec: {ports: [{port: 80}]}\n";
    bed.commit(&[("app/n.yaml", namespace()), ("app/a.yaml", &map("a", "blue")), ("app/s.yaml", service)]);
    state(&bed, "");
    let sees = |resources: &str| format!("- {{apiGroups: [\"*\"], resources: [{resources}], verbs: ['*']}}\n");
    let limited = limited(&bed, &[BASE, &sees("configmaps, namespaces")]);
    let _agent = bed.agent_with(&limited, &[]);
    bed.until_status("a refusal", |status| message(status).contains("objects of kind Service cannot be followed"));
    assert_eq!(bed.colour_in(&Live::shared(), "a").as_deref(), Some("blue"), "the rest is applied");
    assert!(kubectl(&["get", "service", "s", "-n", &bed.namespace]).is_err());
    grant(&bed, &[BASE, &sees("configmaps, namespaces, services")]);
    bed.until_compliant();
}
