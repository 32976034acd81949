//! What holds resources: tenant, subscription, providers, groups.
use super::request::{Request, list};
use crate::hub::{
    Hub,
    arm::{ArmError, Provider, Target, key, providers},
    store::Audited,
};
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Locations that are offered; any other is taken too, since this control plane is where it is.
const LOCATIONS: [&str; 1] = ["Global"];

/// Writes that the activity log shows at most.
const ACTIVITIES: u32 = 500;

pub(super) async fn answer(request: &Request<'_>, target: &Target) -> Result<Response, ArmError> {
    let hub = request.hub;
    let subscription = || {
        let id = &hub.identity.subscription;
        json!({"id": format!("/subscriptions/{id}"), "subscriptionId": id, "tenantId": hub.identity.tenant,
            "displayName": "Arcwright", "state": "Enabled", "authorizationSource": "RoleBased",
            "subscriptionPolicies": {"locationPlacementId": "Internal_2014-09-01", "quotaId": "Internal_2014-09-01", "spendingLimit": "Off"}})
    };
    match (target, &request.method) {
        (Target::Tenants, &Method::GET) => {
            let id = &hub.identity.tenant;
            Ok(list(&[json!({"id": format!("/tenants/{id}"), "tenantId": id, "displayName": "Arcwright"})], None))
        }
        (Target::Subscriptions, &Method::GET) => Ok(list(&[subscription()], None)),
        (Target::Subscription(_), &Method::GET) => Ok(Json(subscription()).into_response()),
        (Target::Locations { .. }, &Method::GET) => Ok(list(&LOCATIONS.map(|name| shown_location(hub, name)), None)),
        (Target::Providers { .. }, &Method::GET) => {
            let registered = hub.store.registrations(&hub.identity.subscription).await?;
            Ok(list(&providers().iter().map(|one| shown_provider(request, one, &registered)).collect::<Vec<_>>(), None))
        }
        (Target::Provider { namespace, .. }, &Method::GET) => provider(request, namespace).await,
        (Target::Registration { namespace, is_wanted, .. }, &Method::POST) => {
            let found = find(namespace)?;
            hub.store.register(&hub.identity.subscription, found.namespace, *is_wanted).await?;
            provider(request, namespace).await
        }
        (Target::ProviderOperations { namespace }, &Method::GET) => Ok(list(&operations(find(namespace)?), None)),
        (Target::ActivityLog { .. }, &Method::GET) => {
            let audited = hub.store.audited(ACTIVITIES).await?;
            Ok(list(&audited.iter().map(shown_activity).collect::<Vec<_>>(), None))
        }
        (Target::Groups { subscription }, &Method::GET) => {
            let groups = hub.store.groups(subscription).await?;
            Ok(list(&groups.iter().map(|(id, body)| shown_group(id, body)).collect::<Vec<_>>(), None))
        }
        (Target::Group { subscription, group }, method) => {
            one_group(request, &format!("/subscriptions/{subscription}/resourceGroups/{group}"), group, method).await
        }
        _ => Err(request.not_allowed()),
    }
}

async fn one_group(request: &Request<'_>, id: &str, name: &str, method: &Method) -> Result<Response, ArmError> {
    let store = &request.hub.store;
    let found = store.group(id).await?;
    match *method {
        Method::GET | Method::HEAD => match found {
            Some((id, body)) if *method == Method::GET => Ok(Json(shown_group(&id, &body)).into_response()),
            Some(_) => Ok(StatusCode::NO_CONTENT.into_response()),
            None => Err(ArmError::group_not_found(name)),
        },
        Method::PUT => {
            let body = request.json()?;
            let Some(location) = body.get("location").and_then(Value::as_str).filter(|text| !text.is_empty()) else {
                return Err(ArmError::invalid("'location' is required.").target("location"));
            };
            let kept = json!({"location": location, "tags": body.get("tags").cloned().unwrap_or_else(|| json!({}))});
            let is_new = store.write_group(id, &kept).await?;
            let id = found.map_or_else(|| id.to_owned(), |(id, _)| id);
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(shown_group(&id, &kept))).into_response())
        }
        Method::PATCH => {
            let Some((id, mut body)) = found else { return Err(ArmError::group_not_found(name)) };
            if let Some(tags) = request.json()?.get("tags") {
                body["tags"] = tags.clone();
            }
            store.write_group(&id, &body).await?;
            Ok(Json(shown_group(&id, &body)).into_response())
        }
        Method::DELETE => {
            if store.delete_group(id).await? {
                Ok(StatusCode::OK.into_response())
            } else {
                Err(ArmError::group_not_found(name))
            }
        }
        _ => Err(request.not_allowed()),
    }
}

/// Source: the activity log of Azure Monitor, as far as it fits.
fn shown_activity(audited: &Audited) -> Value {
    let status = if audited.status < 400 { "Succeeded" } else { "Failed" };
    json!({"eventTimestamp": audited.at, "caller": audited.client_id, "resourceId": audited.resource,
        "httpRequest": {"method": audited.method}, "status": {"value": status},
        "subStatus": {"value": audited.status.to_string()}})
}

fn shown_location(hub: &Hub, name: &str) -> Value {
    let id = format!("/subscriptions/{}/locations/{}", hub.identity.subscription, name.to_lowercase());
    json!({"id": id, "name": name.to_lowercase(), "displayName": name, "regionalDisplayName": name, "type": "Region",
        "metadata": {"regionType": "Logical", "regionCategory": "Other"}})
}

fn shown_group(id: &str, body: &Value) -> Value {
    json!({"id": id, "name": id.rsplit('/').next(), "type": "Microsoft.Resources/resourceGroups",
        "location": body["location"], "tags": body["tags"], "properties": {"provisioningState": "Succeeded"}})
}

fn find(namespace: &str) -> Result<&'static Provider, ArmError> {
    let found = providers().iter().find(|provider| provider.namespace.eq_ignore_ascii_case(namespace));
    found.ok_or_else(|| {
        let message = format!("The resource provider namespace '{namespace}' is not one of this control plane.");
        ArmError::new(StatusCode::NOT_FOUND, "InvalidResourceNamespace", message)
    })
}

async fn provider(request: &Request<'_>, namespace: &str) -> Result<Response, ArmError> {
    let registered = request.hub.store.registrations(&request.hub.identity.subscription).await?;
    Ok(Json(shown_provider(request, find(namespace)?, &registered)).into_response())
}

fn shown_provider(request: &Request<'_>, provider: &Provider, registered: &[String]) -> Value {
    let types = provider.types.iter().map(|one| {
        json!({"resourceType": one.name, "locations": LOCATIONS, "apiVersions": one.versions, "capabilities": "SupportsTags, SupportsLocation"})
    });
    let state = if registered.contains(&key(provider.namespace)) { "Registered" } else { "NotRegistered" };
    json!({"id": format!("/subscriptions/{}/providers/{}", request.hub.identity.subscription, provider.namespace),
        "namespace": provider.namespace, "registrationState": state, "registrationPolicy": "RegistrationRequired",
        "resourceTypes": types.collect::<Vec<_>>()})
}

fn operations(provider: &Provider) -> Vec<Value> {
    let of_type = |name: &str, what: &str, verb: &str| {
        json!({"name": format!("{}/{name}/{what}", provider.namespace), "isDataAction": false,
            "display": {"provider": provider.namespace, "resource": name, "operation": format!("{verb} {name}"), "description": format!("{verb} {name}")}})
    };
    let types = provider.types.iter().filter(|one| one.name != "operations" && !one.name.contains('/'));
    types
        .flat_map(|one| {
            [("read", "Read"), ("write", "Write"), ("delete", "Delete")]
                .map(|(what, verb)| of_type(one.name, what, verb))
        })
        .collect()
}
