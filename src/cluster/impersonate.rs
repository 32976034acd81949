//! A client that acts in the name of a service account.
//!
//! Source: user impersonation of the Kubernetes API; an impersonated service account is in the groups of its kind.
use http::{HeaderName, HeaderValue, Request};
use kube::{Client, client::Body};
use tower::service_fn;

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");

/// The same client, whose requests count as made by a service account. It shares the connections.
pub(super) fn impersonating(client: &Client, namespace: &str, name: &str) -> Client {
    let user = HeaderValue::try_from(format!("system:serviceaccount:{namespace}:{name}"));
    // A name that no header can carry is nobody's, and nobody may do nothing.
    let user = user.unwrap_or_else(|_| HeaderValue::from_static("system:anonymous"));
    let inner = client.clone();
    let named = service_fn(move |mut request: Request<Body>| {
        request.headers_mut().insert(IMPERSONATE_USER, user.clone());
        let client = inner.clone();
        async move { client.send(request).await }
    });
    Client::new(named, client.default_namespace())
}
