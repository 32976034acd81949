//! The pages of a control plane, for people: rendered here, complete without scripts, and made of nothing from elsewhere.
//!
//! ```text
//! request --session--> who looks --handlers--> store -> a view (plain data) -> one file a page (pure) -> HTML
//! ```
mod audit;
mod chart;
mod cluster;
mod clusters;
mod compliance;
mod configuration;
mod events;
mod handlers;
mod layout;
mod parts;
mod session;

use super::{Hub, store::StoreError};
use crate::error::Chain;
use axum::{
    Router,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use maud::html;
use std::sync::Arc;

/// What browsers are told about every page: nothing from elsewhere, nothing within another page, nothing kept.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Where people sign in.
pub(super) fn sign_in() -> Router<Arc<Hub>> {
    let sign_in = Router::new().route("/ui/sign-in", get(session::form).post(session::sign_in));
    sign_in.layer(axum::middleware::map_response(with_headers))
}

/// The other pages.
pub(super) fn router() -> Router<Arc<Hub>> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/ui") }))
        .route("/ui", get(handlers::clusters))
        .route("/ui/clusters/{group}/{name}", get(handlers::cluster))
        .route("/ui/clusters/{group}/{name}/{kind}/{configuration}", get(handlers::configuration))
        .route("/ui/compliance", get(handlers::compliance))
        .route("/ui/events", get(handlers::events))
        .route("/ui/audit", get(handlers::audit))
        .route("/ui/sign-out", post(session::sign_out))
        .route("/ui/style.css", get(|| async { asset("text/css; charset=utf-8", layout::STYLE) }))
        .route("/ui/refresh.js", get(|| async { asset("text/javascript; charset=utf-8", layout::REFRESH) }))
        .route("/ui/", get(|| async { Redirect::to("/ui") }))
        .route("/ui/{*rest}", get(|| async { PageError::NotFound }))
        .layer(axum::middleware::map_response(with_headers))
}

/// A file of the program's own, whose address changes with it.
fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, text).into_response()
}

async fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Why there is no page.
#[derive(Debug)]
enum PageError {
    NotFound,
    Store(StoreError),
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, what) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found", "There is nothing here, or not any more."),
            Self::Store(error) => {
                tracing::error!(error = %Chain(&error), "a page cannot be shown");
                let what = "The control plane failed; its log says why. Try again.";
                (StatusCode::INTERNAL_SERVER_ERROR, "Failed", what)
            }
        };
        let main = html! { h1 { (title) } p { (what) } p { a href="/ui" { "All clusters" } } };
        (status, layout::bare(title, &main)).into_response()
    }
}
