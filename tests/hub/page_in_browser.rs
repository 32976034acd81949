//! The pages of the control plane in a browser: with scripts and without, light and dark, wide and narrow, by keyboard.
use crate::{
    agent::{Agent, Onboarding},
    bed::{Bed, cluster, flux, on_runtime, tell},
    browser::{Browser, Window},
    page::text,
};
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::path::PathBuf;

/// What Chromium calls the Tab key.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// A control plane on SQLite, whatever the suite runs on: what takes weeks is written into its file.
fn on_file() -> Bed {
    let directory = tempfile::tempdir().expect("a directory");
    Bed::on(directory.path().join("hub.db").display().to_string(), directory)
}

/// Clusters with configurations, one of which has an agent that says that something is wrong; its configuration's page.
fn furnished() -> (Bed, String) {
    let bed = on_file();
    let onboarding = Onboarding::connect(&bed, "north");
    for name in ["berlin", "lagos", "lima", "oslo", "quito", "sendai", "turin"] {
        assert_eq!(bed.ask("PUT", &bed.cluster(name), Some(&cluster())).status, 201);
        for configuration in ["web", "ingress"] {
            assert_eq!(bed.ask("PUT", &bed.flux(name, configuration), Some(&flux())).status, 201);
        }
    }
    let agent = Agent::enrol(&bed.hub, &bed.cluster("north"), &onboarding);
    for name in ["web", "ingress"] {
        let made = bed.ask("PUT", &bed.flux("north", name), Some(&flux()));
        assert_eq!(made.status, 201, "{}", made.body);
    }
    let token = agent.token(&bed.hub);
    assert_eq!(agent.heartbeat(&bed.hub, &token).status, 200);
    let id = |name: &str| bed.flux("north", name).split('?').next().expect("an id").to_owned();
    let object = |kind: &str, name: &str, state: &str, message: &str| {
        json!({"kind": kind, "name": name, "namespace": "web", "complianceState": state, "statusConditions":
            [{"type": "Ready", "status": if state == "Compliant" { "True" } else { "False" }, "message": message}]})
    };
    let bad = "ImagePullBackOff: registry.example.org/web:1.8.2 is not there";
    let broken = json!({"complianceState": "Non-Compliant", "installState": "Installed",
        "sourceSyncedCommitId": "main@sha1:4f2c9e1", "errorMessage": "Deployment/web/frontend is not ready",
        "statuses": [object("Service", "frontend", "Compliant", ""), object("ConfigMap", "settings", "Compliant", ""),
            object("Deployment", "frontend", "Non-Compliant", bad)],
        "conditions": [{"type": "Ready", "status": "False", "reason": "HealthCheckFailed", "message": "1 of 3 objects is not ready",
            "lastTransitionTime": "2026-11-24T00:00:00Z"}]});
    let fine = json!({"complianceState": "Compliant", "installState": "Installed", "sourceSyncedCommitId": "main@sha1:4f2c9e1"});
    assert_eq!(agent.report(&bed.hub, &token, &id("ingress"), 1, &fine).status, 200);
    assert_eq!(agent.report(&bed.hub, &token, &id("web"), 2, &fine).status, 200);
    assert_eq!(agent.report(&bed.hub, &token, &id("web"), 3, &broken).status, 200);
    on_runtime(weeks(&bed.data));
    (bed, "/ui/clusters/shops/north/flux/web".to_owned())
}

/// Writes what a week leaves behind.
async fn weeks(data: &str) {
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{data}")).await.expect("opened");
    let others =
        "key LIKE '%berlin' OR key LIKE '%lima' OR key LIKE '%oslo' OR key LIKE '%quito' OR key LIKE '%sendai'";
    let heartbeat =
        json!({"observedAt": "2026-11-24T00:00:00Z", "agentVersion": "0.1.0", "kubernetesVersion": "1.36.2"});
    let mut statements = vec![
        format!("UPDATE clusters SET connectivity = 'Connected', heartbeat = '{heartbeat}', last_seen = (SELECT MAX(last_seen) FROM clusters) WHERE {others}"),
        "UPDATE clusters SET last_seen = '2026-11-23T02:10:00.000Z', connectivity = 'Offline' WHERE key LIKE '%oslo'".to_owned(),
        "UPDATE clusters SET certificate_not_after = '2026-11-01T00:00:00.000Z', last_seen = '2026-08-03T00:00:00.000Z', connectivity = 'Expired' WHERE key LIKE '%quito'".to_owned(),
        "INSERT INTO statuses SELECT key, parent, 'x', 1, 1, CASE WHEN key LIKE '%lima%web' THEN 'Non-Compliant' ELSE 'Compliant' END, modified_at, modified_at, '{}' \
            FROM resources WHERE kind = 'flux' AND key NOT LIKE '%north%' AND key NOT LIKE '%lagos%' AND key NOT LIKE '%turin%'".to_owned(),
        "INSERT INTO events SELECT 1000 + ROW_NUMBER() OVER (), last_seen, key, 'connectivity', 'Connected', connectivity FROM clusters WHERE connectivity IN ('Offline', 'Expired')".to_owned(),
    ];
    // A week of countings, with a day on which something broke.
    let now = crate::users::now();
    for hour in 0..168 {
        let at = jiff::Timestamp::from_second(now - (168 - hour) * 3600).expect("a time");
        let all = 9 + hour / 24;
        let bad = if (80..96).contains(&hour) { 4 } else { i64::from(hour > 150) + i64::from(hour > 160) };
        let pending = i64::from(hour % 24 == 0) * 2;
        for (state, number) in [("Compliant", all - bad - pending), ("Non-Compliant", bad), ("Pending", pending)] {
            statements.push(format!(
                "INSERT OR IGNORE INTO samples VALUES ('{at:.3}', 'configuration', '{state}', {number})"
            ));
        }
    }
    for statement in statements {
        let done = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&mut connection).await;
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
}

fn sign_in(window: &Window<'_>, bed: &Bed) {
    window.go(&format!("{}/ui", bed.hub.endpoint));
    window.wait_for("h1", "Sign in");
    window.type_into("#client_id", text(&bed.hub.bootstrap, "clientId"));
    window.type_into("#client_secret", text(&bed.hub.bootstrap, "clientSecret"));
    window.click(".sign-in button");
    window.wait_for("h1", "Clusters");
}

#[test]
fn people_sign_in_find_a_cluster_and_read_what_is_wrong_with_scripts_and_without() {
    let Some(browser) = Browser::start() else { return };
    let (bed, _) = furnished();
    for with_scripts in [true, false] {
        let window = browser.open(with_scripts);
        window.go(&format!("{}/ui/events", bed.hub.endpoint));
        window.wait_for("h1", "Sign in");
        window.type_into("#client_id", text(&bed.hub.bootstrap, "clientId"));
        window.type_into("#client_secret", "wrong");
        window.click(".sign-in button");
        window.wait_for("[role=alert]", "do not belong together");
        window.type_into("#client_secret", text(&bed.hub.bootstrap, "clientSecret"));
        window.click(".sign-in button");
        window.wait_for("h1", "Events");
        window.click(".top nav a[href='/ui']");
        window.wait_for("h1", "Clusters");
        window.type_into("#q", "NOR");
        window.click(".find button");
        window.wait_for("tbody", "north");
        assert!(!window.text("tbody").contains("berlin"), "{}", window.text("tbody"));
        window.wait_for("tbody tr", "Connected");
        window.wait_for("tbody tr", "1 non-compliant");
        window.click("tbody th a");
        window.wait_for("h1", "north");
        window.wait_for(".facts", "1.37.0");
        window.click("tbody a[href$='/flux/web']");
        window.wait_for("h1", "Non-Compliant");
        window.wait_for(".alert", "Deployment/web/frontend is not ready");
        window.wait_for("tbody tr", "ImagePullBackOff");
        window.click("details summary");
        window.wait_for("pre", "https://git.example.org/web");
        assert!(!window.text("main").contains("VEhFLVNFQ1JFVA=="), "no secret");
        window.click(".top nav a[href='/ui/compliance']");
        window.wait_for(".chart .legend", "compliant");
        window.click(".who button");
        window.wait_for("h1", "Sign in");
        window.go(&format!("{}/ui", bed.hub.endpoint));
        window.wait_for("h1", "Sign in");
    }
}

/// The script that looks for what keeps people out; none where it is not in the cache.
fn axe() -> Option<String> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home)?;
    std::fs::read_to_string(cache.join("arcwright/axe/node_modules/axe-core/axe.min.js")).ok()
}

/// What is wrong with a page for who sees, hears or points otherwise.
fn barriers(window: &Window<'_>, axe: &str) -> Vec<Value> {
    window.run(axe);
    let tags = json!(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]);
    let script = format!(
        "const done = arguments[arguments.length - 1]; axe.run({{runOnly: {tags}}}).then((found) => done(found.violations.map((one) => \
         ({{id: one.id, help: one.help, nodes: one.nodes.map((node) => node.html + ' ' + node.failureSummary)}}))), (error) => done([String(error)]));"
    );
    window.run_until_called(&script).as_array().cloned().unwrap_or_default()
}

#[test]
fn every_page_is_for_everybody_light_or_dark_wide_or_narrow() {
    let Some(browser) = Browser::start() else { return };
    let (bed, configuration) = furnished();
    let axe = axe();
    if axe.is_none() {
        tell("NOT RUN in part: axe-core is not in the cache; tests/support/axe.sh gets it");
    }
    let pictures = std::env::var_os("ARCWRIGHT_PICTURES").map(PathBuf::from);
    let window = browser.open(true);
    let look = |name: &str, path: &str| {
        for (width, height, is_dark) in [(1280, 800, false), (1280, 800, true), (320, 640, false)] {
            window.be_of(width, height);
            window.be_dark(is_dark);
            window.go(&format!("{}{path}", bed.hub.endpoint));
            let wide = window.run("return document.documentElement.scrollWidth").as_u64().unwrap_or(u64::MAX);
            assert!(wide <= u64::from(width), "{name} is {wide} wide at {width}");
            if let Some(axe) = &axe {
                let found = barriers(&window, axe);
                assert!(found.is_empty(), "{name}, {width}, dark {is_dark}: {}", json!(found));
            }
            if let Some(directory) = &pictures {
                let file = format!("{name}-{width}-{}.png", if is_dark { "dark" } else { "light" });
                std::fs::write(directory.join(file), window.picture()).expect("written");
            }
        }
    };
    look("sign-in", "/ui/sign-in");
    window.be_of(1280, 800);
    sign_in(&window, &bed);
    let pages = [
        ("clusters", "/ui"),
        ("nothing-found", "/ui?q=nowhere"),
        ("cluster", "/ui/clusters/shops/north"),
        ("configuration", &configuration),
        ("compliance", "/ui/compliance"),
        ("events", "/ui/events"),
        ("audit", "/ui/audit"),
    ];
    for (name, path) in pages {
        look(name, path);
    }
}

#[test]
fn a_keyboard_is_enough() {
    let Some(browser) = Browser::start() else { return };
    let (bed, _) = furnished();
    let window = browser.open(true);
    sign_in(&window, &bed);
    window.go(&format!("{}/ui", bed.hub.endpoint));
    window.press(&[TAB]);
    assert_eq!(window.run("return document.activeElement.textContent"), "Skip to content");
    let ring =
        "const style = getComputedStyle(document.activeElement); return style.outlineStyle + ' ' + style.outlineWidth";
    assert_eq!(window.run(ring), "solid 2px", "one sees where one is");
    window.press(&[ENTER]);
    assert_eq!(window.run("return document.activeElement.id"), "main");
    let mut stops = Vec::new();
    for _ in 0..60 {
        window.press(&[TAB]);
        let at = window.run("return document.activeElement.getAttribute('href') || document.activeElement.id");
        stops.push(at.as_str().unwrap_or_default().to_owned());
        if stops.last().is_some_and(|stop| stop == "/ui/clusters/shops/north") {
            window.press(&[ENTER]);
            window.wait_for("h1", "north");
            return;
        }
    }
    panic!("the cluster is not among {stops:?}");
}
