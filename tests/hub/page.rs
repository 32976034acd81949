//! The pages of the control plane, over HTTP and in a browser.
use crate::{
    agent::{Agent, Onboarding},
    bed::{Bed, cluster, flux, on_runtime, tell},
    browser::{Browser, Window},
};
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::path::PathBuf;

/// What Chromium calls the Tab key.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().expect("a text")
}

/// A control plane on SQLite, whatever the suite runs on: what takes weeks is written into its file.
fn on_file() -> Bed {
    let directory = tempfile::tempdir().expect("a directory");
    Bed::on(directory.path().join("hub.db").display().to_string(), directory)
}

fn form(client: &str, secret: &str) -> String {
    format!("client_id={client}&client_secret={secret}&next=%2Fui%2Fevents")
}

/// Signs somebody in without a browser: the cookie, as it is sent back.
fn cookie(bed: &Bed, who: &Value) -> String {
    let form = form(text(who, "clientId"), text(who, "clientSecret"));
    let (status, headers, body) = bed.hub.visit("/ui/sign-in", &[("sec-fetch-site", "same-origin")], Some(&form));
    assert_eq!((status, headers["location"].to_str().ok()), (303, Some("/ui/events")), "{body}");
    let cookie = headers["set-cookie"].to_str().expect("a text");
    for attribute in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.starts_with("__Host-") && cookie.contains(attribute), "{cookie}");
    }
    cookie.split(';').next().expect("a pair").to_owned()
}

#[test]
fn nobody_looks_who_is_not_signed_in() {
    let bed = Bed::new();
    bed.make("north");
    for path in [
        "/ui",
        "/ui/clusters/shops/north",
        "/ui/clusters/shops/north/flux/web",
        "/ui/compliance",
        "/ui/events",
        "/ui/audit",
    ] {
        for headers in [&[][..], &[("cookie", "__Host-arcwright=nonsense")]] {
            let (status, headers, body) = bed.hub.visit(path, headers, None);
            let to = headers["location"].to_str().expect("a text");
            assert!(status == 303 && to.starts_with("/ui/sign-in") && !body.contains("north"), "{path}: {status} {to}");
        }
        // A token of the API is none of the pages.
        let cookie = format!("__Host-arcwright={}", bed.token);
        assert_eq!(bed.hub.visit(path, &[("cookie", &cookie)], None).0, 303, "{path}");
    }
    let cookie = cookie(&bed, &bed.hub.bootstrap);
    let (status, _, body) = bed.hub.visit("/ui", &[("cookie", &cookie)], None);
    assert!(status == 200 && body.contains("north"), "{body}");
    let token = cookie.split_once('=').expect("a pair").1;
    assert_eq!(bed.hub.ask(token, "GET", &bed.clusters(), None, &[]).status, 401, "nor is the other one of the API");
    assert_eq!(bed.hub.visit("/ui/clusters/shops/none", &[("cookie", &cookie)], None).0, 404);
    assert_eq!(bed.hub.visit("/ui/nothing/here", &[], None).0, 404);
}

#[test]
fn every_page_forbids_what_it_does_not_need() {
    let bed = Bed::new();
    for path in ["/ui/sign-in", "/ui/style.css", "/ui/nothing", "/ui"] {
        let (_, headers, _) = bed.hub.visit(path, &[], None);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff", "no-referrer"), "{path}");
        assert!(!header("cache-control").is_empty(), "{path}");
    }
}

#[test]
fn signing_in_is_guarded_like_every_sign_in() {
    let bed = Bed::new();
    let owner = &bed.hub.bootstrap;
    let (client, secret) = (text(owner, "clientId"), text(owner, "clientSecret"));
    let sign_in =
        |headers: &[(&str, &str)], secret: &str| bed.hub.visit("/ui/sign-in", headers, Some(&form(client, secret)));
    assert_eq!(sign_in(&[("sec-fetch-site", "cross-site")], secret).0, 403, "another site's form");
    assert_eq!(sign_in(&[("origin", "https://evil.example.org")], secret).0, 403);
    for _ in 0..10 {
        let (status, headers, body) = sign_in(&[], "wrong");
        assert!(
            status == 401 && headers.get("set-cookie").is_none() && body.contains("do not belong together"),
            "{body}"
        );
        assert!(!body.contains("wrong"), "no secret comes back");
    }
    let (status, headers, _) = sign_in(&[], secret);
    assert!(status == 429 && headers.contains_key("retry-after"));
}

#[test]
fn a_removed_reader_looks_no_more_and_names_stay_text() {
    let bed = Bed::new();
    let args = ["user", "add", "--data", &bed.data, "--role", "reader", "--name", "<script>alert(1)</script>"];
    let (is_done, said, reader) = bed.arcwright(&args);
    assert!(is_done, "{said}");
    let reader: Value = serde_json::from_str(&reader).expect("a credential");
    let cookie = cookie(&bed, &reader);
    let look = || bed.hub.visit("/ui/audit", &[("cookie", &cookie)], None);
    let (status, _, body) = look();
    assert!(status == 200 && body.contains("&lt;script&gt;alert(1)") && !body.contains("<script>alert"), "{body}");
    assert!(bed.arcwright(&["user", "remove", "--data", &bed.data, text(&reader, "clientId")]).0);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while look().0 != 303 {
        assert!(std::time::Instant::now() < deadline, "it still looks");
    }
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
