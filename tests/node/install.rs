//! `helm install`, `upgrade`, `uninstall`.
use crate::{
    bed::{Release, apply, attempt, eventually, kubectl, read, tell, wait},
    repository::{Repository, SHOP, colours, configuration},
};
use std::time::Instant;

#[test]
#[ignore = "it takes a node: ./test node"]
fn the_chart_installs_upgrades_and_goes() {
    let repository = Repository::serve(&[("app/colours.yaml", &colours("blue")), ("app/shop.yaml", SHOP)]);
    let shop = configuration("shop", &repository.url(), "app");
    let begun = Instant::now();
    let release = Release::install(&repository.values(&[("shop.yaml", &shop)]).to_string());
    release.wait_compliant(1);
    let compliant = begun.elapsed().as_secs_f64();
    tell(&format!(
        "installed: all pods ready after {:.1} s, Compliant with a pod of its own after {compliant:.1} s",
        release.ready_after
    ));
    wait("shop", "deployment/shop", "condition=Available");
    the_pods_are_as_promised();

    // What is off by default.
    Release::would_take(
        r#"{"networkPolicy": {"enabled": true, "scrapeFrom": [{"namespaceSelector": {}}]}, "customResources": {"historicalKinds": true},
            "rbac": {"fluxV1": "cluster"}, "proxy": {"https": "http://proxy.example.org:3128"}, "native": {"accounts": "given"}}"#,
    );

    // The other door, beside state files.
    repository
        .commit(&[("more/more.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: shop}\n")]);
    apply(&configuration("more", &repository.url(), "more"));
    wait("shop", "fluxconfiguration/more", "jsonpath={.status.complianceState}=Compliant");

    // A change of state files restarts nothing.
    let before = pods();
    let again = configuration("again", &repository.url(), "again");
    repository
        .commit(&[("again/again.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: again, namespace: shop}\n")]);
    let mut values = repository.values(&[("shop.yaml", &shop), ("again.yaml", &again)]);
    release.upgrade(&values.to_string());
    wait("shop", "configmap/again", "create");
    assert_eq!(pods(), before);

    // A change of the pods rolls them, and the work goes on.
    let begun = Instant::now();
    values["log"] = serde_json::json!({ "level": "debug" });
    release.upgrade(&values.to_string());
    eventually("other pods", || (pods().len() == 2 && pods().iter().all(|pod| !before.contains(pod))).then_some(()));
    repository.commit(&[("app/colours.yaml", &colours("green"))]);
    wait("shop", "configmap/colours", "jsonpath={.data.colour}=green");
    tell(&format!(
        "upgraded: a commit is applied by the new pods {:.1} s after helm upgrade began",
        begun.elapsed().as_secs_f64()
    ));

    release.uninstall();
    eventually("the pods are gone", || pods().is_empty().then_some(()));
    for (kind, name) in [("clusterrole", "arcwright"), ("clusterrolebinding", "arcwright")] {
        assert!(attempt("kubectl", &["get", kind, name], "").is_err(), "{kind} {name} is gone");
    }
    // Definitions, configurations and what was applied stay.
    kubectl(&["get", "fluxconfiguration", "more", "--namespace", "shop"]);
    kubectl(&["get", "configmap", "colours", "--namespace", "shop"]);
    kubectl(&[
        "patch",
        "fluxconfiguration",
        "more",
        "--namespace",
        "shop",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ]);
    drop(release);
    kubectl(&["delete", "namespace", "shop"]);
}

fn pods() -> Vec<String> {
    let names =
        kubectl(&["get", "pods", "--namespace", Release::NAMESPACE, "--selector", Release::SELECTOR, "-o", "name"]);
    names.lines().map(str::to_owned).collect()
}

fn the_pods_are_as_promised() {
    let list = read(&["pods", "--namespace", Release::NAMESPACE, "--selector", Release::SELECTOR]);
    let pods = list["items"].as_array().expect("a list");
    assert_eq!(pods.len(), 2);
    for pod in pods {
        assert_eq!(pod["status"]["phase"], "Running");
        assert_eq!(pod["spec"]["containers"][0]["resources"]["requests"]["memory"], "32Mi");
        assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0);
    }
    let cluster = read(&["configmap", "azure-clusterconfig", "--namespace", Release::NAMESPACE]);
    assert_eq!(cluster["data"]["AZURE_ARC_AUTOUPDATE"], "false");
}
