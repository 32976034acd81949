//! The pages of the control plane, as they are answered: who gets to see them, and what browsers are told.
use crate::bed::{Bed, flux};
use serde_json::Value;

pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().expect("a text")
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
    assert_eq!(bed.ask("PUT", &bed.flux("north", "web"), Some(&flux())).status, 201);
    let paths = [
        "/ui",
        "/ui/clusters/shops/north",
        "/ui/clusters/shops/north/flux/web",
        "/ui/compliance",
        "/ui/events",
        "/ui/audit",
    ];
    for path in paths {
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
    for path in paths {
        let (status, _, body) = bed.hub.visit(path, &[("cookie", &cookie)], None);
        assert!(status == 200 && body.contains("</html>"), "{path}: {status} {body}");
    }
    let (_, _, body) = bed.hub.visit("/ui?q=NOR&status=Connecting&with=Pending", &[("cookie", &cookie)], None);
    assert!(body.contains(">north<"), "{body}");
    let (_, _, body) = bed.hub.visit("/ui?q=n%25h", &[("cookie", &cookie)], None);
    assert!(body.contains("No cluster is like that"), "what is typed is no pattern: {body}");
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
