//! Long-running operations: made with the write that they are of, and asked for until they have ended.
use super::request::Request;
use crate::hub::{arm::ArmError, store::OperationRecord};
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::json;

const AZURE_ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");
/// Seconds that clients wait before they ask.
const RETRY_AFTER: u64 = 1;

/// Notes an operation that has ended with the write that it is of, and tells where it can be asked for.
pub(super) async fn noted(
    request: &Request<'_>,
    namespace: &str,
    id: &str,
    mut response: Response,
) -> Result<Response, ArmError> {
    let now = request.hub.clock.now();
    let operation = OperationRecord {
        id: uuid::Uuid::new_v4().to_string(),
        subscription: request.hub.identity.subscription.clone(),
        resource: id.to_owned(),
        status: "Succeeded".to_owned(),
        started_at: now,
        ended_at: Some(now),
    };
    request.hub.store.add_operation(&operation).await?;
    let version = request.query.get("api-version").map(String::as_str).unwrap_or_default();
    let link = |about: &str| {
        format!(
            "{}/subscriptions/{}/providers/{namespace}/locations/global/{about}/{}?api-version={version}",
            request.hub.endpoint, operation.subscription, operation.id
        )
    };
    let headers = response.headers_mut();
    for (name, about) in [(AZURE_ASYNC_OPERATION, "operationStatuses"), (header::LOCATION, "operationResults")] {
        headers.extend(HeaderValue::from_str(&link(about)).ok().map(|value| (name, value)));
    }
    headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
    Ok(response)
}

pub(super) async fn answer(
    request: &Request<'_>,
    subscription: &str,
    id: &str,
    is_result: bool,
) -> Result<Response, ArmError> {
    if request.method != Method::GET {
        return Err(request.not_allowed());
    }
    let Some(operation) = request.hub.store.operation(subscription, id).await? else {
        return Err(ArmError::not_found(&request.path));
    };
    let has_ended = operation.ended_at.is_some();
    if is_result {
        let status = if has_ended { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED };
        return Ok(status.into_response());
    }
    let mut body = json!({
        "id": request.path, "name": operation.id, "status": operation.status,
        "startTime": operation.started_at, "resourceId": operation.resource,
    });
    if let Some(ended_at) = operation.ended_at {
        body["endTime"] = json!(ended_at);
        body["percentComplete"] = json!(100);
    }
    Ok(Json(body).into_response())
}
