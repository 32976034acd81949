//! Engine `flux-v1`: an operator is installed, judged, kept and removed. The controllers are real; the test plays the
//! kubelet, which is to say that it writes the status of pods.
use crate::{
    live::Live,
    proxy::{Fault, Proxy, Rule, Verb},
    sshd::{self, KeyFile, Sshd},
    support::{Bed, Running, eventually, kubeconfig, kubectl, map, shown},
};
use base64::Engine as _;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
};

/// A document with the test's one configuration, whose operator is named `flux`.
fn configuration(bed: &Bed, more: &str) -> String {
    format!(
        "apiVersion: clusterconfig.azure.com/v1beta1\nkind: SourceControlConfiguration\nmetadata: {{name: {0}}}\nspec:\n  repositoryUrl: https://git.example.org/team/shop.git\n  operatorNamespace: {0}\n  operatorInstanceName: flux\n  operatorParams: --git-branch=main --git-path=prod\n  engine: flux-v1\n{more}",
        bed.namespace
    )
}

/// A test's bed with a state file.
fn bed(name: &str, more: &str) -> Bed {
    let bed = Bed::new(name);
    bed.write_state(&[configuration(&bed, more)]);
    bed
}

fn forget(bed: &Bed) {
    std::fs::write(bed.directory.path().join("state.yaml"), "# nothing is wanted any more\n").expect("a file");
}

fn pods(bed: &Bed, live: &Live, part: &str) -> Vec<String> {
    live.names("Pod", &bed.namespace, &format!("instanceName=flux,name={part}"))
}

/// Writes the status of the pods of one program, again and again until the configuration's status is so.
fn play(bed: &Bed, live: &Live, part: &str, status: &Value, what: &str, is_so: impl Fn(&Value) -> bool) {
    bed.until_status(what, |seen| {
        for pod in pods(bed, live, part) {
            live.edit_status("Pod", &bed.namespace, &pod, status);
        }
        is_so(seen)
    });
}

fn ready() -> Value {
    json!({
        "phase": "Running",
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ],
        "containerStatuses": [container(&json!({"ready": true, "state": {"running": {}}}))],
    })
}

/// A status of the container `flux`, made of what is different.
fn container(different: &Value) -> Value {
    let mut status = json!({"name": "flux", "image": "x:1", "imageID": "", "ready": false, "restartCount": 0});
    status.as_object_mut().expect("an object").extend(different.as_object().expect("an object").clone());
    status
}

fn unready(different: &Value) -> Value {
    json!({
        "phase": "Running",
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ],
        "containerStatuses": [container(different)],
    })
}

fn message(status: &Value) -> &str {
    status["message"].as_str().unwrap_or_default()
}

fn is_installed(status: &Value) -> bool {
    status["complianceState"] == "Installed" && status["installState"] == "Installed"
}

/// Plays the kubelet until the operator is installed.
fn install(bed: &Bed, live: &Live) {
    play(bed, live, "memcached", &ready(), "operator with pods", |_| {
        pods(bed, live, "memcached").len() == 1 && pods(bed, live, "flux").len() == 1
    });
    play(bed, live, "memcached", &ready(), "operator", |seen| {
        for pod in pods(bed, live, "flux") {
            live.edit_status("Pod", &bed.namespace, &pod, &ready());
        }
        is_installed(seen)
    });
}

/// Objects of the configuration, by kind, wherever they are.
fn owned(bed: &Bed, live: &Live) -> Vec<String> {
    let kinds = [
        "Namespace",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "ServiceAccount",
        "Secret",
        "ConfigMap",
        "Service",
        "Deployment",
    ];
    let names = |kind: &str| -> Vec<String> {
        let found = live.names(kind, "", &bed.owner_label());
        found.into_iter().map(|name| format!("{kind}/{name}")).collect()
    };
    kinds.into_iter().flat_map(names).collect()
}

fn is_gone(live: &Live, kind: &str, namespace: &str, name: &str) -> bool {
    live.get(kind, namespace, name).is_none()
}

#[test]
fn an_operator_is_pending_then_installed_and_everything_of_it_goes_with_the_configuration() {
    let bed = bed("op-life", "");
    let live = Live::shared();
    let planned = bed.run(&["plan"]);
    assert_eq!(planned.status.code(), Some(1), "{}", shown(&planned));
    for line in ["create   Namespace/", "create   Deployment/", "create   ClusterRoleBinding/flux-v1."] {
        assert!(shown(&planned).contains(line), "{}", shown(&planned));
    }
    assert!(is_gone(&live, "Namespace", "", &bed.namespace), "a plan makes nothing");
    let _agent = bed.agent(kubeconfig());
    bed.until_status("word of it", |status| {
        status["complianceState"] == "Pending" && status["installState"] == "Pending" && status["engine"] == "flux-v1"
    });
    install(&bed, &live);
    let binding = format!("flux-v1.{}.flux", bed.namespace);
    let mut wanted = vec![
        format!("Namespace/{}", bed.namespace),
        format!("ClusterRoleBinding/{binding}"),
        "ServiceAccount/flux".to_owned(),
        "Secret/flux-git-deploy".to_owned(),
        "Service/flux-memcached".to_owned(),
        "Deployment/flux".to_owned(),
        "Deployment/flux-memcached".to_owned(),
    ];
    wanted.sort();
    let mut found = owned(&bed, &live);
    found.sort();
    assert_eq!(found, wanted);
    let planned = bed.run(&["plan"]);
    assert_eq!(planned.status.code(), Some(0), "nothing is left to do: {}", shown(&planned));
    forget(&bed);
    eventually("end of the namespace", || is_gone(&live, "Namespace", "", &bed.namespace));
    assert!(is_gone(&live, "ClusterRoleBinding", "", &binding), "it goes before the namespace with the inventory");
    assert_eq!(owned(&bed, &live), Vec::<String>::new());
}

#[test]
fn a_namespace_that_was_there_before_is_neither_taken_over_nor_removed() {
    let bed = bed("op-space", "");
    let live = Live::shared();
    live.create("Namespace", "", json!({"metadata": {"name": bed.namespace, "labels": {"team": "shop"}}}));
    live.create("ConfigMap", &bed.namespace, json!({"metadata": {"name": "own"}, "data": {"a": "b"}}));
    let _agent = bed.agent(kubeconfig());
    install(&bed, &live);
    let space = live.get("Namespace", "", &bed.namespace).expect("it is there");
    assert_eq!(space["metadata"]["labels"].get("clusterconfig.azure.com/name"), None, "{space:#}");
    assert_eq!(space["metadata"].get("annotations"), None);
    forget(&bed);
    let inventory = format!("arcwright.{}", bed.namespace);
    eventually("end of the operator", || {
        is_gone(&live, "Deployment", &bed.namespace, "flux") && is_gone(&live, "ConfigMap", &bed.namespace, &inventory)
    });
    assert_eq!(owned(&bed, &live), Vec::<String>::new());
    assert!(!is_gone(&live, "ConfigMap", &bed.namespace, "own"), "what was there is there");
    let space = live.get("Namespace", "", &bed.namespace).expect("it is there");
    assert!(space["metadata"].get("deletionTimestamp").is_none(), "{space:#}");
}

#[test]
fn a_namespace_that_was_made_for_the_operator_stays_when_something_of_others_is_in_it() {
    let bed = bed("op-foreign", "");
    let live = Live::shared();
    let agent = bed.agent(kubeconfig());
    install(&bed, &live);
    live.create("ConfigMap", &bed.namespace, json!({"metadata": {"name": "from-git"}, "data": {"a": "b"}}));
    drop(agent);
    forget(&bed);
    let done = bed.once_at(kubeconfig());
    assert!(done.status.success(), "it is let go of, and nothing is left to do: {}", shown(&done));
    assert!(!is_gone(&live, "ConfigMap", &bed.namespace, "from-git"));
    assert!(is_gone(&live, "Deployment", &bed.namespace, "flux"));
    assert!(is_gone(&live, "ConfigMap", &bed.namespace, &format!("arcwright.{}", bed.namespace)));
}

#[test]
fn with_scope_namespace_nothing_is_made_outside_the_namespace_which_stays() {
    let bed = bed("op-narrow", "  operatorScope: namespace\n");
    let live = Live::shared();
    let agent = bed.agent(kubeconfig());
    install(&bed, &live);
    for kind in ["Namespace", "ClusterRoleBinding", "ClusterRole", "CustomResourceDefinition"] {
        assert_eq!(live.names(kind, "", &bed.owner_label()), Vec::<String>::new(), "{kind}");
    }
    let account = format!("system:serviceaccount:{}:flux", bed.namespace);
    let can = |verb: &str, resource: &str, namespace: &str| {
        kubectl(&["auth", "can-i", verb, resource, "-n", namespace, "--as", &account]).is_ok()
    };
    assert!(can("create", "deployments.apps", &bed.namespace), "it has its own namespace");
    let own = kubectl(&["get", "namespace", &bed.namespace, "--as", &account]);
    assert!(own.is_ok(), "an operator that is limited to namespaces looks whether they are there: {own:?}");
    assert!(!can("get", "configmaps", "kube-system"), "and no other");
    assert!(kubectl(&["auth", "can-i", "list", "configmaps", "-A", "--as", &account]).is_err());
    drop(agent);
    let once = bed.once_at(kubeconfig());
    assert!(once.status.success(), "installed is as good as compliant: {}", shown(&once));
    forget(&bed);
    assert!(bed.once_at(kubeconfig()).status.success());
    assert_eq!(owned(&bed, &live), Vec::<String>::new());
    assert!(!is_gone(&live, "Namespace", "", &bed.namespace), "as Azure Arc kept it");
}

#[test]
fn a_scope_that_is_narrowed_takes_the_binding_away_and_leaves_the_namespace_where_it_is() {
    let bed = bed("op-rescope", "");
    let live = Live::shared();
    let agent = bed.agent(kubeconfig());
    install(&bed, &live);
    drop(agent);
    let space = || live.get("Namespace", "", &bed.namespace).map(|space| space["metadata"]["uid"].clone());
    let first = space();
    bed.write_state(&[configuration(&bed, "  operatorScope: namespace\n")]);
    let planned = bed.run(&["plan"]);
    assert!(shown(&planned).contains("prune    ClusterRoleBinding/"), "{}", shown(&planned));
    assert!(!shown(&planned).contains("prune    Namespace"), "{}", shown(&planned));
    let _agent = bed.agent(kubeconfig());
    let binding = format!("flux-v1.{}.flux", bed.namespace);
    eventually("the narrow right", || !is_gone(&live, "RoleBinding", &bed.namespace, "flux"));
    eventually("the end of the wide one", || is_gone(&live, "ClusterRoleBinding", "", &binding));
    install(&bed, &live);
    assert_eq!(space(), first);
    assert!(
        bed.inventory_of(&live, "_operator").contains("/Namespace//"),
        "it was made for the configuration all the same"
    );
    forget(&bed);
    eventually("end of the namespace", || is_gone(&live, "Namespace", "", &bed.namespace));
}

#[test]
fn what_keeps_an_operator_from_coming_up_is_told_until_it_is_mended() {
    let bed = bed("op-fails", "  operatorScope: namespace\n");
    let live = Live::shared();
    let _agent = bed.agent(kubeconfig());
    play(&bed, &live, "memcached", &ready(), "pods", |_| pods(&bed, &live, "flux").len() == 1);
    let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "because"}});
    let ended = json!({"terminated": {"exitCode": 2, "reason": "Error"}});
    for (status, state, says) in [
        (
            unready(&json!({"state": waiting("ImagePullBackOff")})),
            "Failed",
            "flux: image x:1 cannot be pulled (ImagePullBackOff): because",
        ),
        (
            unready(&json!({"restartCount": 5, "state": waiting("CrashLoopBackOff"), "lastState": ended})),
            "Failed",
            "flux: its container ends again and again (5 restarts, the last time with exit code 2, Error)",
        ),
        (
            unready(&json!({"state": {"running": {}}, "lastState": null})),
            "Pending",
            "flux: its container runs, and does not answer its readiness probe",
        ),
        (
            json!({"phase": "Pending", "containerStatuses": null, "conditions": [{"type": "PodScheduled", "status": "False",
                "reason": "Unschedulable", "message": "0/1 nodes are available"}]}),
            "Pending",
            "flux: no node takes its pod: 0/1 nodes are available",
        ),
    ] {
        play(&bed, &live, "flux", &status, says, |seen| {
            message(seen).contains(says) && seen["complianceState"] == state && seen["installState"] == state
        });
    }
    // The deployment controller would say so after five minutes.
    let late = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late",
        "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    live.edit_status("Deployment", &bed.namespace, "flux", &json!({"conditions": late}));
    bed.until_status("word that it is late", |seen| {
        seen["complianceState"] == "Failed" && message(seen).contains("did not come up in time: no node takes its pod")
    });
    install(&bed, &live);
}

#[test]
fn a_quota_that_leaves_no_room_is_told_in_the_words_of_the_api_server() {
    let bed = bed("op-quota", "  operatorScope: namespace\n");
    let live = Live::shared();
    live.create("Namespace", "", json!({"metadata": {"name": bed.namespace}}));
    let quota = json!({"metadata": {"name": "small"}, "spec": {"hard": {"pods": "0"}}});
    live.create("ResourceQuota", &bed.namespace, quota);
    eventually("the quota in force", || {
        live.get("ResourceQuota", &bed.namespace, "small").is_some_and(|quota| quota["status"]["hard"]["pods"] == "0")
    });
    let _agent = bed.agent(kubeconfig());
    bed.until_status("word of the quota", |seen| {
        seen["complianceState"] == "Failed" && message(seen).contains("exceeded quota: small")
    });
    live.edit("ResourceQuota", &bed.namespace, "small", &json!({"spec": {"hard": {"pods": "10"}}}));
    install(&bed, &live);
}

#[test]
fn what_somebody_changes_about_the_operator_is_put_back_and_what_they_delete_is_made_again() {
    let bed = bed("op-drift", "");
    let live = Live::shared();
    let _agent = bed.agent_with(kubeconfig(), &["--flux-image", "registry.example.org/flux:1"]);
    install(&bed, &live);
    let image = || {
        let flux = live.get("Deployment", &bed.namespace, "flux").unwrap_or_default();
        flux["spec"]["template"]["spec"]["containers"][0]["image"].as_str().map(str::to_owned)
    };
    assert_eq!(image().as_deref(), Some("registry.example.org/flux:1"));
    let changed =
        json!({"spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "flux", "image": "evil:1"}]}}}});
    live.edit("Deployment", &bed.namespace, "flux", &changed);
    eventually("the image", || image().as_deref() == Some("registry.example.org/flux:1"));
    eventually("the replicas", || {
        live.get("Deployment", &bed.namespace, "flux").is_some_and(|flux| flux["spec"]["replicas"] == 1)
    });
    let binding = format!("flux-v1.{}.flux", bed.namespace);
    live.delete("ClusterRoleBinding", "", &binding);
    eventually("the binding", || !is_gone(&live, "ClusterRoleBinding", "", &binding));
    install(&bed, &live);
}

#[test]
fn drift_that_is_only_to_be_reported_makes_it_noncompliant_and_is_left_alone() {
    let bed = bed("op-report", "  operatorScope: namespace\n  drift: report\n");
    let live = Live::shared();
    let _agent = bed.agent(kubeconfig());
    install(&bed, &live);
    live.edit("Deployment", &bed.namespace, "flux", &json!({"spec": {"paused": true, "replicas": 0}}));
    bed.until_status("word of the drift", |status| {
        status["complianceState"] == "Noncompliant"
            && status["installState"] == "Installed"
            && message(status).contains("drift: report")
    });
    let flux = live.get("Deployment", &bed.namespace, "flux").expect("it is there");
    assert_eq!(flux["spec"]["replicas"], 0, "it is left alone");
    live.edit("Deployment", &bed.namespace, "flux", &json!({"spec": {"paused": false, "replicas": 1}}));
    install(&bed, &live);
}

#[test]
fn an_operator_of_another_configuration_is_left_to_it_and_its_owner_named() {
    let bed = bed("op-twice", "");
    let live = Live::shared();
    let first = configuration(&bed, "");
    let second = first.replace(&format!("{{name: {}}}", bed.namespace), "{name: second}");
    let agent = bed.agent(kubeconfig());
    install(&bed, &live);
    bed.write_state(&[first.clone(), second]);
    eventually("refusal", || {
        let statuses = bed.statuses();
        let second = statuses.iter().find(|status| status["name"] == "second");
        second.is_some_and(|status| {
            status["complianceState"] == "Failed"
                && message(status).contains(&format!("is owned by configuration {0}/{0}", bed.namespace))
        })
    });
    drop(agent);
    bed.write_state(&[first]);
    let once = bed.once_at(kubeconfig());
    assert!(once.status.success(), "the first is as it was: {}", shown(&once));
    assert_eq!(owned(&bed, &live).len(), 7);
}

#[test]
fn watching_an_operator_come_and_go_costs_no_request() {
    let bed = bed("op-idle", "  operatorScope: namespace\n");
    let live = Live::shared();
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    let _agent = bed.agent(proxy.kubeconfig());
    install(&bed, &live);
    proxy.take();
    for _ in 0..3 {
        let status = unready(&json!({"state": {"running": {}}}));
        play(&bed, &live, "flux", &status, "trouble", |seen| seen["complianceState"] == "Pending");
        install(&bed, &live);
    }
    // A watch is opened again every few minutes; an Event tells of each change.
    let is_free = |verb: Verb, resource: &str| verb == Verb::Watch || resource == "events";
    let wrong: Vec<_> = proxy.seen().into_iter().filter(|seen| !is_free(seen.verb, &seen.resource)).collect();
    assert!(wrong.is_empty(), "no requests: {wrong:#?}");
}

#[test]
fn a_secret_that_changes_reaches_the_operator_when_the_agent_is_asked() {
    let from = |setting: &str| format!("{setting}: {{secretRef: {{name: login, key: {setting}}}}}");
    let settings = format!("  protectedSettingsFrom: {{{}, {}}}\n", from("httpsUser"), from("httpsKey"));
    let bed = bed("op-rotate", &(settings + "  operatorScope: namespace\n"));
    let live = Live::shared();
    live.create("Namespace", "", json!({"metadata": {"name": bed.namespace}}));
    let _agent = bed.agent(kubeconfig());
    bed.until_status("word of the missing Secret", |status| {
        status["complianceState"] == "Failed" && message(status).contains("login with the credentials is not there")
    });
    let login = json!({"metadata": {"name": "login"}, "stringData": {"httpsUser": "me", "httpsKey": "first"}});
    live.create("Secret", &bed.namespace, login);
    let given = || {
        let secret = live.get("Secret", &bed.namespace, "flux-git-auth").unwrap_or_default();
        secret["data"]["GIT_AUTHKEY"].as_str().map(str::to_owned)
    };
    let encode = |text: &str| Some(base64::engine::general_purpose::STANDARD.encode(text));
    eventually("the first token", || given() == encode("first"));
    let mark = || {
        let flux = live.get("Deployment", &bed.namespace, "flux").unwrap_or_default();
        flux["spec"]["template"]["metadata"]["annotations"]["clusterconfig.azure.com/git-auth"].clone()
    };
    let first = mark();
    live.edit("Secret", &bed.namespace, "login", &json!({"stringData": {"httpsKey": "second"}}));
    let asked = bed.command().args(["reconcile", &bed.namespace, "--timeout", "1"]).output().expect("arcwright runs");
    assert!(shown(&asked).contains("is not Ready within"), "{}", shown(&asked));
    eventually("the second token", || given() == encode("second"));
    eventually("new pods", || mark() != first);
}

#[test]
fn the_revision_that_an_operator_says_it_has_synced_is_told_and_no_more() {
    let bed = bed("op-mark", "  operatorScope: namespace\n");
    let live = Live::shared();
    let _agent = bed.agent(kubeconfig());
    install(&bed, &live);
    assert!(bed.status().get("lastAppliedRevision").is_none(), "nothing is known of it");
    let commit = "0123456789012345678901234567890123456789";
    let mark = json!({"metadata": {"annotations": {"flux.weave.works/sync-hwm": commit}}});
    live.edit("Secret", &bed.namespace, "flux-git-deploy", &mark);
    bed.until_status("the revision", |status| {
        status["lastAppliedRevision"] == format!("main@sha1:{commit}") && is_installed(status)
    });
    assert!(message(&bed.status()).contains("says that it has synced main@sha1:0123"), "{}", bed.status());
    let secret = live.get("Secret", &bed.namespace, "flux-git-deploy").expect("it is there");
    assert_eq!(secret["metadata"]["annotations"]["flux.weave.works/sync-hwm"], commit, "the mark is the operator's");
}

#[test]
fn a_key_is_made_for_ssh_and_is_the_one_that_the_operator_has() {
    let bed = Bed::new("op-key");
    let ssh = configuration(&bed, "  operatorScope: namespace\n")
        .replace("https://git.example.org/team/shop.git", "git@git.example.org:team/shop.git");
    bed.write_state(&[ssh]);
    let live = Live::shared();
    let agent = bed.agent(kubeconfig());
    bed.until_status("the public key", |status| status["repositoryPublicKey"].is_string());
    eventually("the operator", || !is_gone(&live, "Deployment", &bed.namespace, "flux"));
    let made = format!("arcwright-key.{}", bed.namespace);
    let key = |name: &str| live.get("Secret", &bed.namespace, name).expect("a Secret")["data"]["identity"].clone();
    assert!(key(&made).is_string());
    assert_eq!(key("flux-git-deploy"), key(&made));
    drop(agent);
    forget(&bed);
    assert!(bed.once_at(kubeconfig()).status.success());
    assert!(
        is_gone(&live, "Secret", &bed.namespace, &made) && is_gone(&live, "Secret", &bed.namespace, "flux-git-deploy")
    );
}

#[test]
fn user_and_token_of_https_are_in_one_secret_and_nowhere_else() {
    let settings =
        "  configurationProtectedSettings: {httpsUser: bWU=, httpsKey: czNjcmV0}\n  operatorScope: namespace\n";
    let bed = bed("op-https", settings);
    let live = Live::shared();
    let _agent = bed.agent(kubeconfig());
    eventually("the operator", || !is_gone(&live, "Deployment", &bed.namespace, "flux"));
    let secret = live.get("Secret", &bed.namespace, "flux-git-auth").expect("a Secret");
    assert_eq!(secret["data"]["GIT_AUTHKEY"], "czNjcmV0");
    let flux = live.get("Deployment", &bed.namespace, "flux").expect("it is there").to_string();
    assert!(!flux.contains("s3cret") && flux.contains("$(GIT_AUTHKEY)"), "{flux}");
    bed.until_status("a status", |status| status["complianceState"] == "Pending");
    assert!(!bed.status().to_string().contains("s3cret"));
}

#[test]
fn the_definition_of_helm_releases_is_made_once_and_belongs_to_nobody() {
    let bed =
        bed("op-helm", "  enableHelmOperator: true\n  helmOperatorProperties: {chartValues: --set helm.versions=v3}\n");
    let live = Live::shared();
    let agent = bed.agent(kubeconfig());
    eventually("the Helm operator", || !is_gone(&live, "Deployment", &bed.namespace, "flux-helm-operator"));
    let definition = || live.get("CustomResourceDefinition", "", "helmreleases.helm.fluxcd.io").expect("it is there");
    assert!(definition()["metadata"].get("labels").is_none(), "{}", definition());
    bed.until_status("a status", |status| status["complianceState"] == "Pending");
    drop(agent);
    forget(&bed);
    eventually("end of the operator", || {
        bed.once_at(kubeconfig()).status.success() && is_gone(&live, "Deployment", &bed.namespace, "flux-helm-operator")
    });
    assert!(definition()["metadata"].get("deletionTimestamp").is_none());
}

#[test]
fn memcached_is_admitted_at_level_restricted_and_the_operator_but_for_its_user() {
    let bed = bed("op-secure", "  operatorScope: namespace\n");
    let live = Live::shared();
    let _agent = bed.agent(kubeconfig());
    eventually("the operator", || {
        ["flux", "flux-memcached"].iter().all(|name| !is_gone(&live, "Deployment", &bed.namespace, name))
    });
    let level = |level: &str| {
        let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        live.edit("Namespace", "", &bed.namespace, &labels);
    };
    let admitted = |deployment: &str| {
        let deployment = live.get("Deployment", &bed.namespace, deployment).expect("it is there");
        let pod = json!({"metadata": {"generateName": "try-"}, "spec": deployment["spec"]["template"]["spec"]});
        live.try_create("Pod", &bed.namespace, pod).map_err(|error| error.to_string())
    };
    level("restricted");
    admitted("flux-memcached").expect("admitted");
    let refused = admitted("flux").expect_err("refused");
    assert!(
        refused.contains("runAsNonRoot") && !refused.contains("seccomp") && !refused.contains("capabilities"),
        "{refused}"
    );
    level("baseline");
    admitted("flux").expect("admitted");
}

/// A kubeconfig of a service account that has the rights of a file.
fn agent_with_rights(bed: &Bed, rights: &str) -> PathBuf {
    let account = format!("agent-{}", bed.namespace);
    let file = bed.directory.path().join("rights.yaml");
    std::fs::write(&file, rights.replace("arcwright-flux-v1", &account)).expect("a file");
    kubectl(&["create", "serviceaccount", &account, "-n", "default"]).expect("a service account");
    kubectl(&["apply", "-f", file.to_str().expect("a path")]).expect("a ClusterRole");
    let subject = format!("--serviceaccount=default:{account}");
    let role = format!("--clusterrole={account}");
    kubectl(&["create", "clusterrolebinding", &account, &role, &subject]).expect("a binding");
    let token = kubectl(&["create", "token", &account, "-n", "default"]).expect("a token");
    let admin = std::fs::read_to_string(kubeconfig()).expect("a kubeconfig");
    let own: Vec<String> = admin
        .lines()
        .map(|line| match line.starts_with("users:") {
            true => format!("users: [{{name: admin, user: {{token: {}}}}}]", token.trim()),
            false => line.to_owned(),
        })
        .collect();
    let path = bed.directory.path().join("kubeconfig");
    std::fs::write(&path, own.join("\n")).expect("a file");
    path
}

fn rights() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/flux-v1/agent-rights.yaml");
    std::fs::read_to_string(path).expect("the example")
}

/// The rights without what only operators of scope `cluster` need.
fn rights_of_scope_namespace() -> String {
    let mut role = arcwright::yaml::read(&rights()).expect("YAML").remove(0);
    let is_of_cluster = |rule: &Value| {
        let resources = rule["resources"].as_array().expect("a list");
        let only_there = ["*", "clusterrolebindings", "clusterroles", "customresourcedefinitions"];
        resources.iter().any(|resource| only_there.iter().any(|one| resource == one))
    };
    let rules = role["rules"].as_array_mut().expect("a list");
    let before = rules.len();
    rules.retain(|rule| !is_of_cluster(rule));
    assert_eq!(before - rules.len(), 4, "the example has a rule for each");
    role.to_string()
}

#[test]
fn the_documented_rights_suffice_to_install_and_to_remove() {
    let live = Live::shared();
    for (name, more, rights) in
        [("op-rights", "", rights()), ("op-rights-ns", "  operatorScope: namespace\n", rights_of_scope_namespace())]
    {
        let bed = bed(name, more);
        let own = agent_with_rights(&bed, &rights);
        let _agent = bed.agent(&own);
        install(&bed, &live);
        forget(&bed);
        eventually("end of it", || owned(&bed, &live).is_empty());
        assert_eq!(is_gone(&live, "Namespace", "", &bed.namespace), more.is_empty());
    }
}

#[test]
fn a_right_that_the_agent_lacks_is_told_in_the_words_of_the_api_server() {
    let bed = bed("op-forbidden", "");
    let rights = rights();
    let without = rights.replace("resourceNames: [cluster-admin]", "resourceNames: [nothing]");
    assert_ne!(rights, without, "the example names the role that is bound");
    let own = agent_with_rights(&bed, &without);
    let _agent = bed.agent(&own);
    bed.until_status("word of it", |status| {
        status["complianceState"] == "Failed"
            && message(status).contains("ClusterRoleBinding/flux-v1.")
            && message(status).contains("attempting to grant RBAC permissions")
            && message(status).contains("give the agent the rights that engine flux-v1 needs")
    });
}

#[test]
fn what_engine_native_applied_stays_for_an_operator_which_goes_when_the_engine_changes_back() {
    if !sshd::is_installed() {
        return;
    }
    let bed = Bed::new("op-switch");
    bed.commit(&[("prod/a.yaml", &map("a", "blue"))]);
    let (host, user) = (KeyFile::make(&["-t", "ed25519"]), KeyFile::make(&["-t", "ed25519"]));
    let sshd = Sshd::start(&[&host]);
    sshd.authorize(&user.public());
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let with_engine = |engine: &str| {
        let more = format!(
            "  sshKnownHostsContents: {}\n  configurationProtectedSettings: {{sshPrivateKey: {}}}\n",
            encode(&sshd.known_hosts(&[&host])),
            encode(&user.private())
        );
        let text = configuration(&bed, &more)
            .replace("https://git.example.org/team/shop.git", &sshd.url(&bed.repository()))
            .replace("--git-path=prod", "--git-path=prod --sync-garbage-collection")
            .replace("engine: flux-v1", &format!("engine: {engine}"));
        bed.write_state(&[text]);
    };
    let live = Live::shared();
    live.create("Namespace", "", json!({"metadata": {"name": bed.namespace}}));
    with_engine("native");
    let agent = bed.agent(kubeconfig());
    bed.until_compliant();
    drop(agent);
    let uid = || live.get("ConfigMap", &bed.namespace, "a").map(|map| map["metadata"]["uid"].clone());
    let first = uid().expect("it is there");
    with_engine("flux-v1");
    let planned = shown(&bed.run(&["plan"]));
    assert!(planned.contains("create   Deployment/") && !planned.contains("prune "), "{planned}");
    let agent = bed.agent(kubeconfig());
    install(&bed, &live);
    drop(agent);
    assert_eq!(uid().as_ref(), Some(&first), "the operator takes it over");
    with_engine("native");
    let planned = shown(&bed.run(&["plan"]));
    assert!(planned.contains("prune    Deployment/") && !planned.contains("prune    Namespace/"), "{planned}");
    let _agent = bed.agent(kubeconfig());
    bed.until_compliant();
    eventually("end of the operator", || is_gone(&live, "Deployment", &bed.namespace, "flux"));
    assert_eq!(uid().as_ref(), Some(&first));
    assert!(is_gone(&live, "ClusterRoleBinding", "", &format!("flux-v1.{}.flux", bed.namespace)));
}

/// Runs the agent once and kills it at the n-th write; whether it came to that.
fn run_and_kill(bed: &Bed, proxy: &Proxy, n: usize) -> bool {
    let pid = Arc::new(OnceLock::new());
    let victim = Arc::clone(&pid);
    let kill = Arc::new(move || {
        let pid: &u32 = victim.wait();
        Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill runs");
    });
    proxy.heal();
    proxy.take();
    proxy.rule(Rule::new(Fault::After(kill), |seen| seen.verb.writes()).nth(n));
    let mut command = bed.agent_command(proxy.kubeconfig(), &["--once", "--patience", "0"]);
    let agent = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("arcwright runs");
    pid.set(agent.id()).expect("set once");
    let status = Running(agent).0.wait().expect("it ends");
    let is_killed = proxy.take().iter().any(|seen| seen.is_faulted);
    assert_eq!(is_killed, status.code().is_none(), "either killed or ended by itself");
    is_killed
}

/// Installs and removes, killed at the n-th write of each; whether there was one.
fn survives(n: usize) -> bool {
    let bed = bed(&format!("op-kill-{n}"), "");
    let live = Live::shared();
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    let mut is_killed = run_and_kill(&bed, &proxy, n);
    bed.run(&["agent", "--once", "--patience", "0"]);
    assert_eq!(owned(&bed, &live).len(), 7, "killed at write {n}: {:?}", owned(&bed, &live));
    forget(&bed);
    is_killed |= run_and_kill(&bed, &proxy, n);
    eventually(&format!("end of everything, killed at write {n}"), || {
        bed.run(&["agent", "--once", "--patience", "0"]);
        is_gone(&live, "Namespace", "", &bed.namespace)
    });
    assert_eq!(owned(&bed, &live), Vec::<String>::new(), "killed at write {n}");
    is_killed
}

#[test]
fn killed_at_any_write_an_operator_is_installed_whole_and_removed_whole() {
    std::thread::scope(|scope| {
        let runs = [1, 2].map(|first| {
            scope.spawn(move || {
                let end = (first..40).step_by(2).find(|n| !survives(*n)).expect("an end of the writes");
                assert!(end > 8, "it was killed up to write {end} only");
            })
        });
        for run in runs {
            run.join().expect("no point of failure");
        }
    });
}
