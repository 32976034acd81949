//! Credentials, certificates, redirects and failures over https.
use crate::support::{
    Cache, Repo,
    https::{Authority, Server, answer, redirect},
    text,
};
use axum::http::{StatusCode, header};

const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
/// `user:token` as it is sent.
const BASIC: &str = "Basic dXNlcjp0b2tlbg==";

#[tokio::test(flavor = "multi_thread")]
async fn a_user_and_token_open_a_private_repository_and_nothing_else_does() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    server.require(BASIC);
    let (reason, message) = Cache::new().refusal(&server.source()).await;
    assert_eq!(reason, "AuthenticationFailed");
    assert!(message.contains("give httpsUser and httpsKey"), "{message}");

    let mut source = server.source();
    source.credentials.user = Some("user".to_owned());
    source.credentials.password = Some("wr0ng-s3cret".to_owned().into());
    let (reason, message) = Cache::new().refusal(&source).await;
    assert_eq!(reason, "AuthenticationFailed");
    assert!(message.contains("check httpsUser and httpsKey") && !message.contains("s3cret"), "{message}");

    source.credentials.password = Some("token".to_owned().into());
    let artifact = Cache::new().fetch(&source).await.expect("a commit");
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");

    // In the address, as people write it too; and it is in no text.
    let mut source = server.source();
    source.url = source.url.replace("https://", "https://user:token@");
    let artifact = Cache::new().fetch(&source).await.expect("a commit");
    assert!(!artifact.revision.to_string().contains("token"));
    source.url = source.url.replace("token@", "s3cret@");
    let (_, message) = Cache::new().refusal(&source).await;
    assert!(!message.contains("s3cret"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_is_sent_as_one() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    server.require("Bearer abc");
    let mut source = server.source();
    source.credentials.bearer_token = Some("abc".to_owned().into());
    Cache::new().fetch(&source).await.expect("a commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_certificate_for_this_host_by_a_known_authority_is_trusted() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let mut source = server.source();
    source.credentials.ca_bundle = None;
    let (reason, message) = Cache::new().refusal(&source).await;
    assert_eq!(reason, "CertificateUntrusted");
    assert!(message.contains("httpsCACert"), "{message}");
    source.credentials.ca_bundle = Some(Authority::new().pem());
    assert_eq!(Cache::new().refusal(&source).await.0, "CertificateUntrusted");
    for (bundle, says) in [
        ("nonsense", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used"),
    ] {
        source.credentials.ca_bundle = Some(bundle.to_owned());
        let (reason, message) = Cache::new().refusal(&source).await;
        assert_eq!(reason, "AuthoritiesInvalid");
        assert!(message.contains(says), "{message}");
    }
    assert!(server.seen().is_empty(), "nothing was asked of a server that is not trusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_and_one_for_another_host_are_refused() {
    let repo = Repo::new();
    let authority = Authority::new();
    let expired = authority.sign(&["localhost"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let other = authority.sign(&["example.org"], |_| {});
    for (pair, says) in [(expired, "expired"), (other, "another host")] {
        let server = Server::start_with(repo.root(), authority.pem(), pair).await;
        let (reason, message) = Cache::new().refusal(&server.source()).await;
        assert_eq!(reason, "CertificateUntrusted");
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_may_be_named_as_its_own_authority() {
    let repo = Repo::new();
    let made = |names: &[&str], year| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).expect("parameters");
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    };
    let good = made(&["localhost"], 4096);
    let server = Server::start_with(repo.root(), good.0.clone(), good).await;
    Cache::new().fetch(&server.source()).await.expect("a commit");
    for (pair, says) in [(made(&["localhost"], 2020), "expired"), (made(&["example.org"], 4096), "another host")] {
        let server = Server::start_with(repo.root(), pair.0.clone(), pair).await;
        let (reason, message) = Cache::new().refusal(&server.source()).await;
        assert_eq!(reason, "CertificateUntrusted");
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_within_the_server_is_followed_and_remembered() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    server.require(BASIC);
    server.intercept(|parts| {
        let path = parts.uri.path();
        path.starts_with("/old/").then(|| {
            redirect(&format!("/{}?{}", path.trim_start_matches("/old/"), parts.uri.query().unwrap_or_default()))
        })
    });
    let mut source = server.source();
    source.credentials.user = Some("user".to_owned());
    source.credentials.password = Some("token".to_owned().into());
    source.url = server.url("old/repo.git");
    let artifact = Cache::new().fetch(&source).await.expect("a commit");
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");
    assert!(server.seen().iter().all(|seen| seen.authorization.as_deref() == Some(BASIC)));
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/old/repo.git/info/refs", "/repo.git/info/refs", "/repo.git/git-upload-pack"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_origin_is_refused_and_carries_nothing_there() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let other = Server::start(repo.root()).await;
    let plain = Server::plain(repo.root()).await;
    let mut source = server.source();
    source.credentials.user = Some("user".to_owned());
    source.credentials.password = Some("s3cret".to_owned().into());
    for to in [
        other.url("repo.git/info/refs?service=git-upload-pack"),
        plain.url("repo.git/info/refs?service=git-upload-pack"),
        "http://169.254.169.254/latest/meta-data/info/refs".to_owned(),
        "https://evil.example.org/repo.git/info/refs".to_owned(),
        "//evil.example.org/repo.git/info/refs".to_owned(),
        "file:///etc/info/refs".to_owned(),
        "git://localhost/repo.git/info/refs".to_owned(),
    ] {
        let target = to.clone();
        server.intercept(move |_| Some(redirect(&target)));
        let (reason, message) = Cache::new().refusal(&source).await;
        assert_eq!(reason, "RedirectRefused", "{to}");
        assert!(!message.contains("s3cret"), "{message}");
    }
    assert!(other.seen().is_empty() && plain.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_that_goes_round_or_to_a_page_ends() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    for (to, says) in [
        ("/repo.git/info/refs?service=git-upload-pack", "redirects more than"),
        ("/login?next=repo.git", "want a person to log in"),
    ] {
        server.intercept(move |_| Some(redirect(to)));
        let (reason, message) = Cache::new().refusal(&server.source()).await;
        assert_eq!(reason, "GitOperationFailed");
        assert!(message.contains(says), "{message}");
    }
    // The request for the pack is never redirected: it may carry credentials and a body.
    server.intercept(|parts| parts.uri.path().ends_with("git-upload-pack").then(|| redirect("/elsewhere")));
    let (_, message) = Cache::new().refusal(&server.source()).await;
    assert!(message.contains("redirects a request for a pack"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_the_server_has_its_own_error() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    for (status, reason, says) in [
        (StatusCode::UNAUTHORIZED, "AuthenticationFailed", "without credentials"),
        (StatusCode::FORBIDDEN, "AuthenticationFailed", "without credentials"),
        (StatusCode::NOT_FOUND, "RepositoryNotFound", "does not exist, or a visitor"),
        (StatusCode::TOO_MANY_REQUESTS, "GitOperationFailed", "429"),
        (StatusCode::INTERNAL_SERVER_ERROR, "GitOperationFailed", "500"),
        (StatusCode::BAD_GATEWAY, "GitOperationFailed", "502"),
    ] {
        server.intercept(move |_| Some(answer(status, "text/plain", "\x1b[31mfault")));
        let (found, message) = Cache::new().refusal(&server.source()).await;
        assert_eq!(found, reason, "{status}");
        assert!(message.contains(says) && !message.contains('\x1b'), "{message}");
    }
    server.behave();
    Cache::new().fetch(&server.source()).await.expect("a commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_git_server_is_told_from_one_that_is() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    for (kind, body, says) in [
        ("text/html; charset=utf-8", "<!DOCTYPE html>", "it sends text/html"),
        ("text/plain", "0000", "it sends text/plain"),
        (ADVERTISEMENT, "<!DOCTYPE html>", "does not begin with its length"),
        (ADVERTISEMENT, "001e# service=git-upload-pack\n", "closed in the middle"),
        (ADVERTISEMENT, "", "closed in the middle"),
        (ADVERTISEMENT, "0014ERR go away\x1b[2J\n0000", "refused: go away [2J"),
    ] {
        server.intercept(move |_| Some(answer(StatusCode::OK, kind, body)));
        let (reason, message) = Cache::new().refusal(&server.source()).await;
        assert_eq!(reason, "GitOperationFailed", "{message}");
        assert!(message.contains(says) && !message.contains('\x1b'), "{message}");
    }
    server.intercept(|_| Some(axum::response::IntoResponse::into_response(([(header::SERVER, "x")], "no type"))));
    assert_eq!(Cache::new().refusal(&server.source()).await.0, "GitOperationFailed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_there_is_named_with_its_cause() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let mut source = server.source();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    source.url = format!("https://user:s3cret@localhost:{port}/repo.git");
    let (reason, message) = Cache::new().refusal(&source).await;
    assert_eq!(reason, "GitOperationFailed");
    assert!(message.contains("refused") && !message.contains("s3cret"), "{message}");
    source.url = "https://no-such-host.invalid/repo.git".to_owned();
    let (_, message) = Cache::new().refusal(&source).await;
    assert!(message.starts_with("cannot fetch https://no-such-host.invalid/repo.git: "), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_works_and_is_not_made_https() {
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    Cache::new().fetch(&server.source()).await.expect("a commit");
}
