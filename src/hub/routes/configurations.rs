//! `Microsoft.KubernetesConfiguration/{sourceControlConfigurations,fluxConfigurations}`.
use super::{
    clusters::{Deleted, delete, registered, tagged, unchanged, write},
    operations,
    request::{Request, list},
};
use crate::{
    api::READ_ONLY_PROPERTIES,
    desired,
    hub::{
        Hub,
        arm::{ArmError, ConfigurationKind, Target, kept, patched, shown},
        store::{Resource, StatusRecord},
    },
};
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const NAMESPACE: &str = "Microsoft.KubernetesConfiguration";
/// Properties that are fixed at the making.
const FIXED: [&str; 2] = ["scope", "namespace"];

impl ConfigurationKind {
    /// The word for it in the store.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::SourceControl => "sourceControl",
            Self::Flux => "flux",
        }
    }

    /// The resource as a document of a door has it.
    fn document_kind(self) -> &'static str {
        match self {
            Self::SourceControl => "SourceControlConfiguration",
            Self::Flux => "FluxConfiguration",
        }
    }
}

pub(super) async fn answer(request: &Request<'_>, target: &Target) -> Result<Response, ArmError> {
    match (target, &request.method) {
        (Target::Configurations { kind, cluster }, &Method::GET) => {
            require_cluster(request, cluster).await?;
            let (most, after) = request.page();
            let found = request.hub.store.below(cluster, kind.word(), &after, most).await?;
            let statuses = request.hub.store.statuses(cluster).await?;
            let status = |one: &Resource| statuses.get(&crate::hub::arm::key(&one.id));
            let values: Vec<Value> =
                found.resources.iter().map(|one| shown_configuration(*kind, one, status(one))).collect();
            Ok(list(&values, found.next.map(|next| request.next_link(&next))))
        }
        (Target::Configuration { kind, id, .. }, &Method::GET) => {
            let found = request.hub.store.resource(id).await?.ok_or_else(|| ArmError::not_found(id))?;
            let status = request.hub.store.status(id).await?;
            Ok(tagged(Json(shown_configuration(*kind, &found, status.as_ref())).into_response(), &found))
        }
        (Target::Configuration { kind, id, cluster }, &Method::PUT) => {
            require_cluster(request, cluster).await?;
            put(request, *kind, id, &request.json()?, None).await
        }
        (Target::Configuration { kind: kind @ ConfigurationKind::Flux, id, .. }, &Method::PATCH) => {
            let before = request.hub.store.resource(id).await?.ok_or_else(|| ArmError::not_found(id))?;
            let body = patched(&before.body, &request.json()?);
            put(request, *kind, id, &body, Some(before)).await
        }
        (Target::Configuration { kind, id, .. }, &Method::DELETE) => match (delete(request, id).await?, kind) {
            (Deleted::WasNot, _) => Ok(StatusCode::NO_CONTENT.into_response()),
            (Deleted::Gone, ConfigurationKind::SourceControl) => Ok(StatusCode::OK.into_response()),
            (Deleted::Gone, ConfigurationKind::Flux) => {
                operations::noted(request, NAMESPACE, id, StatusCode::ACCEPTED.into_response()).await
            }
        },
        _ => Err(request.not_allowed()),
    }
}

async fn require_cluster(request: &Request<'_>, cluster: &str) -> Result<(), ArmError> {
    let found = request.hub.store.resource(cluster).await?;
    let message =
        || format!("Can not perform requested operation on nested resource. Parent resource '{cluster}' not found.");
    found.map(drop).ok_or_else(|| ArmError::new(StatusCode::NOT_FOUND, "ParentResourceNotFound", message()))
}

/// Writes a configuration; `patched` is what a PATCH was laid over.
async fn put(
    request: &Request<'_>,
    kind: ConfigurationKind,
    id: &str,
    body: &Value,
    patched: Option<Resource>,
) -> Result<Response, ArmError> {
    registered(request, NAMESPACE).await?;
    let is_patch = patched.is_some();
    let before = match patched {
        Some(before) => Some(before),
        None => request.hub.store.resource(id).await?,
    };
    let name = id.rsplit('/').next().unwrap_or_default();
    let mut kept = kept(Some(kind), name, body)?;
    if let Some(before) = before.as_ref().filter(|_| kind == ConfigurationKind::Flux) {
        for name in FIXED {
            unchanged(&properties(&before.body), &properties(&kept.body), name)?;
        }
    }
    // Settings that a PATCH does not name stay, and count for whether the rest makes sense.
    let stored = match (&before, &kept.protected) {
        (Some(before), None) => opened(request.hub, before)?,
        (Some(before), Some(named)) if is_patch => {
            let mut settings = opened(request.hub, before)?.unwrap_or_default();
            settings.extend(named.clone());
            kept.protected = Some(settings.clone());
            Some(settings)
        }
        (_, protected) => protected.clone(),
    };
    let found = desired::arm::problems(kind.document_kind(), name, &properties(&kept.body), stored.as_ref());
    match found.as_slice() {
        [] => {}
        [(field, what)] => return Err(ArmError::invalid(format!("'{field}' {what}.")).target(field.clone())),
        _ => return Err(ArmError::invalid("Several properties are invalid.").details(found)),
    }
    let written = write(request, kind.word(), id, kept, before.as_ref()).await?;
    let status = match (is_patch, &before) {
        (true, _) => StatusCode::ACCEPTED,
        (false, None) => StatusCode::CREATED,
        (false, Some(_)) => StatusCode::OK,
    };
    let reported = request.hub.store.status(id).await?;
    let shown = shown_configuration(kind, &written, reported.as_ref());
    let response = tagged((status, Json(shown)).into_response(), &written);
    match kind {
        // It is stored at once, and says so.
        ConfigurationKind::SourceControl => Ok(response),
        ConfigurationKind::Flux => operations::noted(request, NAMESPACE, id, response).await,
    }
}

fn properties(body: &Map<String, Value>) -> Map<String, Value> {
    body.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The protected settings of a stored configuration.
pub(super) fn opened(hub: &Hub, resource: &Resource) -> Result<Option<BTreeMap<String, String>>, ArmError> {
    let Some(sealed) = &resource.sealed else { return Ok(None) };
    let opened = hub.seal.open(&crate::hub::arm::key(&resource.id), sealed);
    let settings = opened.ok().and_then(|text| serde_json::from_str(text.expose_secret()).ok());
    settings.map(Some).ok_or_else(|| {
        let message = "The protected settings of the configuration cannot be opened: the control plane runs with another sealing key. Give them again.";
        ArmError::new(StatusCode::CONFLICT, "ProtectedSettingsUnreadable", message)
    })
}

/// A configuration with what its cluster says of it. It is pending before its cluster has said anything of it as it stands.
fn shown_configuration(kind: ConfigurationKind, resource: &Resource, status: Option<&StatusRecord>) -> Value {
    let state = match kind {
        ConfigurationKind::SourceControl => json!({
            "provisioningState": "Succeeded", "repositoryPublicKey": "",
            "complianceStatus": {"complianceState": "Pending", "lastConfigApplied": "0001-01-01T00:00:00",
                "message": "{\"OperatorMessage\":null,\"ClusterState\":null}", "messageLevel": "Information"},
        }),
        ConfigurationKind::Flux => json!({
            "provisioningState": "Succeeded", "complianceState": "Pending", "statuses": [], "repositoryPublicKey": "",
            "sourceSyncedCommitId": null, "sourceUpdatedAt": null, "statusUpdatedAt": null, "errorMessage": null,
        }),
    };
    let Value::Object(mut state) = state else { return Value::Null };
    if let Some(status) = status {
        let is_current = status.revision >= resource.revision;
        for (name, value) in status.body.iter().filter(|(name, _)| READ_ONLY_PROPERTIES.contains(&name.as_str())) {
            match name.as_str() {
                // That it is stored is the control plane's to say.
                "provisioningState" => {}
                "complianceState" | "complianceStatus" | "errorMessage" if !is_current => {}
                _ => drop(state.insert(name.clone(), value.clone())),
            }
        }
    }
    shown(&resource.id, Some(kind), &resource.body, state, &resource.stamp)
}
