//! Who looks at the page: signed in with client id and secret, and known by a cookie afterwards.
//!
//! The cookie holds a token of the control plane that is good for its pages and nothing else. No page sends it elsewhere, no
//! other site makes a browser send it, and no script reads it.
use super::layout::{Viewer, bare};
use crate::hub::{
    Hub,
    access::{Claims, GrantError, issuer},
    store::Role,
};
use axum::{
    Form,
    extract::{FromRequestParts, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts};
use maud::{Markup, html};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The cookie; its prefix has browsers take it from this host alone.
const COOKIE: &str = "__Host-arcwright";
/// For how long somebody stays signed in.
const LIFE: Duration = Duration::from_secs(8 * 3600);
/// Where people sign in.
const SIGN_IN: &str = "/ui/sign-in";
/// What is said to who is not let in.
const WRONG: &str = "This client id and secret do not belong together.";

/// Somebody who is signed in. Who is not is sent to sign in.
pub(super) struct SignedIn(pub(super) Viewer);

impl FromRequestParts<Arc<Hub>> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Response> {
        match viewer(hub, &parts.headers).await {
            Some(viewer) => Ok(Self(viewer)),
            None => Err(Redirect::to(&to_sign_in(&parts.uri)).into_response()),
        }
    }
}

/// What the token in the cookie is good for.
fn audience(hub: &Hub) -> String {
    format!("{}/ui", hub.endpoint)
}

async fn viewer(hub: &Hub, headers: &HeaderMap) -> Option<Viewer> {
    let token = cookie(headers)?;
    let now = hub.clock.now();
    let claims: Claims = hub.signer.verify(token, &issuer(&hub.endpoint, &hub.identity.tenant), now)?;
    if claims.aud != audience(hub) {
        return None;
    }
    let principal = hub.known.principal(&hub.store, &claims.appid).await.ok()??;
    let role = may_look(principal.role)?;
    Some(Viewer { name: principal.name, role, now })
}

/// The word for a role that may look at the pages.
fn may_look(role: Role) -> Option<&'static str> {
    match role {
        Role::Owner | Role::Reader => Some(role.word()),
        Role::Cluster => None,
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value).next()
}

fn to_sign_in(uri: &Uri) -> String {
    let next = uri.path_and_query().map_or("/ui", http::uri::PathAndQuery::as_str);
    super::parts::link(SIGN_IN, &[("next", if next == "/ui" { "" } else { next })])
}

/// Where to go after signing in: a page of this control plane, whatever was asked for.
fn after(next: Option<&String>) -> &str {
    let is_page = |text: &str| {
        let rest = text.strip_prefix("/ui").unwrap_or("x");
        (rest.is_empty() || rest.starts_with(['/', '?'])) && !text.contains(['\\', '\r', '\n'])
    };
    next.map(String::as_str).filter(|text| is_page(text)).unwrap_or("/ui")
}

/// Whether a form comes from a page of this control plane.
///
/// Browsers say where a form comes from, by one header or the other.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.strip_prefix("https://") == Some(host),
        (None, _) => true,
        (Some(_), None) => false,
    }
}

/// What the page to sign in may be asked with.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

/// The page to sign in.
pub(super) async fn form(Query(Next { next }): Query<Next>) -> Markup {
    shown("", after(next.as_ref()), None)
}

/// What somebody signs in with. It has no `Debug`: it holds a secret.
#[derive(Deserialize)]
pub(super) struct Credentials {
    client_id: String,
    client_secret: String,
    next: Option<String>,
}

/// Signs somebody in.
pub(super) async fn sign_in(
    State(hub): State<Arc<Hub>>,
    uri: Uri,
    headers: HeaderMap,
    Form(given): Form<Credentials>,
) -> Response {
    if !is_from_here(&headers) {
        return (StatusCode::FORBIDDEN, shown("", "/ui", Some("The form came from another site."))).into_response();
    }
    let next = after(given.next.as_ref());
    let client = given.client_id.trim();
    let scope = audience(&hub);
    let form = BTreeMap::from([
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_secret", given.client_secret.trim()),
        ("scope", scope.as_str()),
    ]);
    let form = form.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match hub.grant(uri.path(), &form, LIFE).await {
        Ok(granted) if may_look(granted.principal.role).is_some() => {
            with_cookie(Redirect::to(next).into_response(), &granted.token, LIFE.as_secs())
        }
        Ok(_) => refused(StatusCode::FORBIDDEN, client, next, "Clusters do not look at pages."),
        Err(GrantError::Locked(wait)) => {
            let why = "Too many failed sign-ins of this client. Try again in a minute.";
            let mut response = refused(StatusCode::TOO_MANY_REQUESTS, client, next, why);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
            response
        }
        Err(GrantError::Client | GrantError::Assertion(_) | GrantError::Request(_)) => {
            refused(StatusCode::UNAUTHORIZED, client, next, WRONG)
        }
        Err(error @ (GrantError::Store(_) | GrantError::Sign)) => {
            tracing::error!(error = %crate::error::Chain(&error), "sign-in failed");
            refused(StatusCode::INTERNAL_SERVER_ERROR, client, next, "The control plane failed; its log says why.")
        }
    }
}

/// Signs somebody out.
pub(super) async fn sign_out(headers: HeaderMap) -> Response {
    if !is_from_here(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    with_cookie(Redirect::to(SIGN_IN).into_response(), "", 0)
}

fn with_cookie(mut response: Response, token: &str, seconds: u64) -> Response {
    let cookie = format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    response.headers_mut().extend(HeaderValue::from_str(&cookie).ok().map(|value| (header::SET_COOKIE, value)));
    response
}

fn refused(status: StatusCode, client: &str, next: &str, why: &str) -> Response {
    (status, shown(client, next, Some(why))).into_response()
}

fn shown(client: &str, next: &str, why: Option<&str>) -> Markup {
    let main = html! {
        div.sign-in {
            h1 { "Sign in" }
            p { "With the client id and secret of an owner or a reader. “arcwright hub user add” makes one." }
            @if let Some(why) = why { div.alert role="alert" { (why) } }
            form method="post" action=(SIGN_IN) {
                input type="hidden" name="next" value=(next);
                div {
                    label for="client_id" { "Client id" }
                    input #client_id name="client_id" value=(client) required autocomplete="username" autocapitalize="none" spellcheck="false";
                }
                div {
                    label for="client_secret" { "Client secret" }
                    input #client_secret type="password" name="client_secret" required autocomplete="current-password";
                }
                button type="submit" { "Sign in" }
            }
        }
    };
    bare("Sign in", &main)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn nobody_is_sent_elsewhere_after_signing_in() {
        for (next, wanted) in [
            ("/ui/events?cluster=a", "/ui/events?cluster=a"),
            ("/ui?q=a", "/ui?q=a"),
            ("/ui", "/ui"),
            ("https://evil.example.org", "/ui"),
            ("//evil.example.org", "/ui"),
            ("/ui.evil", "/ui"),
            ("/ui\\evil", "/ui"),
            ("/subscriptions", "/ui"),
        ] {
            assert_eq!(after(Some(&next.to_owned())), wanted, "{next}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_none_of_ours() {
        for (pairs, wanted) in [
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://a")][..], true),
            (&[("sec-fetch-site", "cross-site"), ("host", "a"), ("origin", "https://a")], false),
            (&[("host", "a:1"), ("origin", "https://a:1")], true),
            (&[("host", "a:1"), ("origin", "https://b:1")], false),
            (&[("host", "a:1"), ("origin", "null")], false),
            (&[("host", "a:1")], true),
        ] {
            assert_eq!(is_from_here(&headers(pairs)), wanted, "{pairs:?}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(cookie(&headers(&[("cookie", "a=b; __Host-arcwright=token; c=d")])), Some("token"));
        assert_eq!(cookie(&headers(&[("cookie", "arcwright=token")])), None);
    }

    #[test]
    fn the_form_says_why_and_keeps_no_secret() {
        let page = shown("me\"", "/ui/events", Some(WRONG)).into_string();
        assert!(page.contains(WRONG) && page.contains("value=\"me&quot;\"") && page.contains("value=\"/ui/events\""));
    }
}
