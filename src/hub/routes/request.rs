//! One request to the resource manager, as far as it concerns what is asked for.
use crate::hub::{Hub, arm::ArmError, store::Principal};
use axum::{
    Json,
    body::Bytes,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;
use std::collections::BTreeMap;

/// Most resources in one page.
const PAGE: u32 = 100;

/// One request, as far as it concerns what is asked for.
pub(super) struct Request<'a> {
    pub(super) hub: &'a Hub,
    pub(super) principal: Principal,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) query: BTreeMap<String, String>,
    pub(super) path: String,
    pub(super) body: Bytes,
}

impl Request<'_> {
    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, ArmError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            ArmError::invalid(format!(
                "The request content is not JSON (line {}, column {}).",
                error.line(),
                error.column()
            ))
        })
    }

    /// Whether only an object of this revision may be written, by `If-Match`; `*` is any.
    pub(super) fn if_match(&self) -> Option<&str> {
        self.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok())
    }

    /// Whether an object may only be made, by `If-None-Match: *`.
    pub(super) fn if_none_match(&self) -> bool {
        self.headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*")
    }

    /// How many resources a page has at most, and the key after which it begins.
    pub(super) fn page(&self) -> (u32, String) {
        let most = self.query.get("$top").and_then(|top| top.parse().ok()).unwrap_or(PAGE);
        (most.clamp(1, PAGE), self.query.get("$skipToken").cloned().unwrap_or_default())
    }

    /// Where the next page is.
    pub(super) fn next_link(&self, next: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.query.iter().filter(|(name, _)| *name != "$skipToken") {
            query.append_pair(name, value);
        }
        query.append_pair("$skipToken", next);
        format!("{}{}?{}", self.hub.endpoint, self.path, query.finish())
    }

    pub(super) fn not_allowed(&self) -> ArmError {
        let message = format!("The HTTP method '{}' is not supported at '{}'.", self.method, self.path);
        ArmError::new(StatusCode::METHOD_NOT_ALLOWED, "HttpMethodNotAllowed", message)
    }
}

/// A list, with the link to its next page.
pub(super) fn list(values: &[Value], next_link: Option<String>) -> Response {
    let mut body = serde_json::json!({"value": values});
    if let Some(link) = next_link {
        body["nextLink"] = link.into();
    }
    Json(body).into_response()
}
