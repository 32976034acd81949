//! Errors as clients of Azure read them.
use http::StatusCode;
use serde_json::{Value, json};

/// An error body: `{"error": {"code", "message", "target", "details"}}`, and its status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(in crate::hub) struct ArmError {
    pub(in crate::hub) status: StatusCode,
    /// What programs look at: a closed set.
    pub(in crate::hub) code: &'static str,
    pub(in crate::hub) message: String,
    /// The field that is meant, if one is.
    pub(in crate::hub) target: Option<String>,
    /// Several errors at once, each a field and what is wrong with it.
    pub(in crate::hub) details: Vec<(String, String)>,
}

impl ArmError {
    pub(in crate::hub) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), target: None, details: Vec::new() }
    }

    pub(in crate::hub) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRequestContent", message)
    }

    pub(in crate::hub) fn not_found(id: &str) -> Self {
        let message = format!("The resource '{id}' was not found.");
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", message)
    }

    pub(in crate::hub) fn group_not_found(group: &str) -> Self {
        let message = format!("Resource group '{group}' could not be found.");
        Self::new(StatusCode::NOT_FOUND, "ResourceGroupNotFound", message)
    }

    pub(in crate::hub) fn target(mut self, field: impl Into<String>) -> Self {
        self.target = Some(field.into());
        self
    }

    pub(in crate::hub) fn details(mut self, details: Vec<(String, String)>) -> Self {
        self.details = details;
        self
    }

    pub(in crate::hub) fn body(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(target) = &self.target {
            error["target"] = json!(target);
        }
        if !self.details.is_empty() {
            let detail = |(target, message): &(String, String)| json!({"code": "InvalidProperty", "target": target, "message": message});
            error["details"] = self.details.iter().map(detail).collect();
        }
        json!({"error": error})
    }
}
