//! `status`, `get` and `tree`, on what an agent wrote down.
use crate::support::Home;
use insta::assert_snapshot;

const STATUS: &str = r#"{"configurations": [
  {"namespace": "shop", "name": "web", "kind": "FluxConfiguration", "engine": "native",
   "url": "https://git.example.org/shop", "complianceState": "Compliant", "message": "applied", "messageLevel": "Information",
   "lastConfigApplied": "2026-01-02T03:04:05.678Z",
   "lastAppliedRevision": "main@sha1:0123456789abcdef0123456789abcdef01234567",
   "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "applied", "lastTransitionTime": "2026-01-02T03:04:05Z"}],
   "kustomizations": [
     {"name": "app", "phase": "Ready", "reason": "Succeeded", "message": "applied", "objects": [
       {"group": "", "kind": "ConfigMap", "namespace": "shop", "name": "web", "outcome": "Unchanged", "health": {"state": "current"}},
       {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web", "outcome": "Failed", "message": "quota", "health": {"state": "inProgress", "message": "0 of 1 ready"}}]},
     {"name": "db", "phase": "Progressing", "reason": "DependencyNotReady", "message": "waits for kustomization app", "objects": []}]},
  {"namespace": "shop", "name": "db", "kind": "FluxConfiguration", "engine": "native", "url": "https://git.example.org/db",
   "complianceState": "Suspended", "message": "suspended", "messageLevel": "Information", "conditions": [], "kustomizations": []}
]}"#;
const SUSPENDED: &str =
    r#"{"suspensions": [{"namespace": "shop", "name": "db", "by": "ann@desk", "since": "2026-01-02T03:04:05.6Z"}]}"#;

fn home() -> Home {
    let home = Home::new();
    home.write("data/status.json", STATUS);
    home.write("data/suspended.json", SUSPENDED);
    home
}

#[test]
fn the_table_says_where_everything_stands_and_who_suspended_what() {
    assert_snapshot!(home().run(&["status"]).all(), @r#"
    exit 0
    -- stdout
    NAMESPACE  NAME  COMPLIANCE  REVISION                OBJECTS  MESSAGE
    shop       web   Compliant   main@sha1:0123456789ab  2        applied
    shop       db    Suspended   -                       0        suspended by ann@desk since 2026-01-02T03:04:05Z
    -- stderr
    "#);
    assert_snapshot!(home().run(&["status", "-o", "wide"]).stdout, @r#"
    NAMESPACE  NAME  COMPLIANCE  REVISION                OBJECTS  ENGINE  LAST APPLIED          URL                           MESSAGE
    shop       web   Compliant   main@sha1:0123456789ab  2        native  2026-01-02T03:04:05Z  https://git.example.org/shop  applied
    shop       db    Suspended   -                       0        native  -                     https://git.example.org/db    suspended by ann@desk since 2026-01-02T03:04:05Z
    "#);
    assert_eq!(home().run(&["get"]).stdout, home().run(&["status"]).stdout, "get without a name lists all");
}

#[test]
fn programs_get_the_whole_of_it() {
    let home = home();
    let all: serde_json::Value = serde_json::from_str(&home.run(&["status", "-o", "json"]).stdout).expect("JSON");
    assert_eq!(all[0]["kustomizations"][0]["objects"][1]["health"]["message"], "0 of 1 ready");
    assert_eq!(all[1]["suspended"]["by"], "ann@desk");
    let one: serde_json::Value = serde_json::from_str(&home.run(&["get", "db", "-o", "json"]).stdout).expect("JSON");
    assert_eq!(one, all[1]);
    assert_snapshot!(home.run(&["get", "shop/db"]).stdout, @r#"
    complianceState: Suspended
    conditions: []
    engine: native
    kind: FluxConfiguration
    kustomizations: []
    message: suspended
    messageLevel: Information
    name: db
    namespace: shop
    suspended:
      by: ann@desk
      name: db
      namespace: shop
      since: "2026-01-02T03:04:05.6Z"
    url: https://git.example.org/db
    "#);
}

#[test]
fn the_tree_shows_objects_with_outcome_and_health() {
    assert_snapshot!(home().run(&["tree", "web"]).stdout, @r#"
    shop/web  Compliant  applied
    ├─ app  Ready  applied
    │  ├─ ConfigMap/shop/web  Unchanged  Current
    │  └─ Deployment/shop/web  Failed  InProgress: 0 of 1 ready  quota
    └─ db  Progressing  waits for kustomization app
    "#);
    let json = home().run(&["tree", "web", "-o", "json"]).stdout;
    assert!(json.starts_with('[') && json.contains("\"DependencyNotReady\""), "{json}");
}

#[test]
fn a_name_that_is_not_there_leads_to_those_that_are() {
    assert_snapshot!(home().run(&["get", "wep"]).all(), @r#"
    exit 1
    -- stdout
    -- stderr
    Error: no configuration is named wep
    Hint: did you mean web?
    "#);
    assert_snapshot!(home().run(&["tree", "nothing"]).all(), @r#"
    exit 1
    -- stdout
    -- stderr
    Error: no configuration is named nothing
    Hint: there are: web, db
    "#);
}

#[test]
fn without_an_agent_there_is_no_status() {
    assert_snapshot!(Home::new().run(&["status"]).all(), @r#"
    exit 1
    -- stdout
    -- stderr
    Error: there is no status in HOME/data
    Hint: run `arcwright agent` first, or give the --data-dir that it runs with
    "#);
    let home = home();
    home.write("data/suspended.json", "{");
    let ran = home.run(&["status"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("Hint: correct it, or remove it"), "{}", ran.stderr);
}
