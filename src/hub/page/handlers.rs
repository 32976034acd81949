//! What each page shows, out of the store.
use super::{
    PageError, audit as audit_page, chart::Series, cluster as cluster_page, clusters as clusters_page,
    compliance as compliance_page, configuration as configuration_page, events as events_page, parts::Part,
    session::SignedIn,
};
use crate::{
    api::plane::Heartbeat,
    hub::{
        Hub,
        arm::{CLUSTER_TYPE, key},
        connectivity::Connectivity,
        store::{ClusterRecord, Event, Resource, Seen, StatusRecord, Store, Wanted},
    },
};
use axum::extract::{Path, Query, State};
use maud::Markup;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Clusters in a page.
const CLUSTERS: u32 = 100;
/// Configurations of one cluster that are shown at most.
const CONFIGURATIONS: u32 = 500;
/// Events that are shown at most.
const EVENTS: u32 = 200;
/// Events of one cluster that are shown at most.
const CLUSTER_EVENTS: u32 = 20;
/// Turns of a configuration that are shown at most.
const TURNS: u32 = 50;
/// Rows of the audit log that are shown at most.
const AUDITED: u32 = 200;

type Page = Result<Markup, PageError>;

/// What clusters are looked for.
#[derive(Debug, Deserialize)]
pub(super) struct Find {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    with: String,
    #[serde(default)]
    page: String,
}

pub(super) async fn clusters(
    SignedIn(viewer): SignedIn,
    State(hub): State<Arc<Hub>>,
    Query(find): Query<Find>,
) -> Page {
    let text = find.q.chars().take(200).collect();
    // A word that is none finds all.
    let connectivity = Connectivity::named(&find.status).map(Connectivity::word).unwrap_or_default().to_owned();
    let wanted = Wanted { text, connectivity, compliance: find.with };
    let total = hub.store.count_clusters(&wanted).await?;
    let mut part = Part { page: 1, size: CLUSTERS.into(), total };
    part.page = find.page.parse().unwrap_or(1).clamp(1, part.last());
    let seen = hub.store.see_clusters(&wanted, part.skipped(), CLUSTERS).await?;
    let compliance = match (seen.first(), seen.last()) {
        (Some(first), Some(last)) => hub.store.compliance_between(&first.resource.id, &last.resource.id).await?,
        _ => BTreeMap::new(),
    };
    let counts = |seen: &Seen| compliance.get(&key(&seen.resource.id)).cloned().unwrap_or_default();
    let rows = seen.iter().map(|seen| row(&seen.resource, &seen.connectivity, &seen.record, counts(seen))).collect();
    let view = clusters_page::View {
        wanted,
        part,
        rows,
        connectivity: hub.store.count_by_connectivity().await?,
        compliance: hub.store.count_by_compliance().await?,
    };
    Ok(clusters_page::show(&view, &viewer))
}

/// The group and the name of a cluster's id.
fn names(id: &str) -> (String, String) {
    let mut segments = id.split('/');
    let group = segments.nth(4).unwrap_or_default().to_owned();
    (group, segments.nth(3).unwrap_or_default().to_owned())
}

fn heartbeat(record: &ClusterRecord) -> Option<Heartbeat> {
    serde_json::from_value(record.heartbeat.clone()?).ok()
}

fn row(
    resource: &Resource,
    connectivity: &str,
    record: &ClusterRecord,
    compliance: clusters_page::Counts,
) -> clusters_page::Row {
    let (group, name) = names(&resource.id);
    let said = heartbeat(record);
    clusters_page::Row {
        group,
        name,
        connectivity: connectivity.to_owned(),
        last_seen: record.last_seen,
        agent: said.as_ref().map(|said| said.agent_version.clone()).unwrap_or_default(),
        kubernetes: said.and_then(|said| said.kubernetes_version).unwrap_or_default(),
        compliance,
    }
}

/// The id of a cluster.
fn id(hub: &Hub, group: &str, name: &str) -> String {
    let subscription = &hub.identity.subscription;
    format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{CLUSTER_TYPE}/{name}")
}

pub(super) async fn cluster(
    SignedIn(viewer): SignedIn,
    State(hub): State<Arc<Hub>>,
    Path((group, name)): Path<(String, String)>,
) -> Page {
    let (store, id) = (&hub.store, id(&hub, &group, &name));
    let resource = store.resource(&id).await?.ok_or(PageError::NotFound)?;
    let record = store.cluster(&id).await?.ok_or(PageError::NotFound)?;
    let configurations = configurations(store, &id).await?;
    let mut compliance = clusters_page::Counts::new();
    for one in &configurations {
        *compliance.entry(one.compliance.clone()).or_default() += 1;
    }
    let events = store.last_events(Some(&id), CLUSTER_EVENTS).await?;
    let said = heartbeat(&record);
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let property = |name: &str| text(resource.body.get("properties").and_then(|properties| properties.get(name)));
    let tags = resource.body.get("tags").and_then(Value::as_object).into_iter().flatten();
    let view = cluster_page::View {
        row: row(&resource, record.connectivity(viewer.now).word(), &record, compliance),
        location: text(resource.body.get("location")),
        distribution: said
            .as_ref()
            .and_then(|said| said.distribution.clone())
            .unwrap_or_else(|| property("distribution")),
        infrastructure: said
            .as_ref()
            .and_then(|said| said.infrastructure.clone())
            .unwrap_or_else(|| property("infrastructure")),
        nodes: number(said.as_ref().and_then(|said| said.total_node_count)),
        cores: number(said.as_ref().and_then(|said| said.total_core_count)),
        certificate_not_after: record.certificate_not_after,
        waiting: said.as_ref().map(|said| said.waiting).unwrap_or_default(),
        tags: tags.map(|(name, value)| (name.clone(), text(Some(value)))).collect(),
        configurations,
        agents: said.map(agents).unwrap_or_default(),
        events: events.iter().map(shown).collect(),
        id: resource.id,
    };
    Ok(cluster_page::show(&view, &viewer))
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn agents(said: Heartbeat) -> Vec<cluster_page::Agent> {
    let agent = |one: crate::api::plane::AgentHealth| cluster_page::Agent {
        name: one.name,
        state: one.state,
        message: one.message,
        since: one.since,
    };
    said.agents.into_iter().map(agent).collect()
}

fn shown(event: &Event) -> events_page::Shown {
    let (group, name) = names(&event.cluster);
    events_page::Shown { at: event.at, group, name, before: event.before.clone(), after: event.after.clone() }
}

async fn configurations(store: &Store, cluster: &str) -> Result<Vec<cluster_page::Configuration>, PageError> {
    let statuses = store.statuses(cluster).await?;
    let mut found = Vec::new();
    for kind in ["flux", "sourceControl"] {
        for resource in store.below(cluster, kind, "", CONFIGURATIONS).await?.resources {
            found.push(configuration_row(&resource, statuses.get(&key(&resource.id))));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn configuration_row(resource: &Resource, status: Option<&StatusRecord>) -> cluster_page::Configuration {
    let said = status.map(|status| configuration_page::Status::read(&status.body)).unwrap_or_default();
    let is_current = status.is_some_and(|status| status.revision >= resource.revision);
    let properties = resource.body.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    cluster_page::Configuration {
        name: resource.id.rsplit('/').next().unwrap_or_default().to_owned(),
        kind: resource.kind.clone(),
        compliance: if is_current { said.compliance } else { "Pending".to_owned() },
        install: said.install,
        source: configuration_page::source(&properties),
        applied: said.applied,
        updated_at: status.map(|status| status.received_at),
    }
}

pub(super) async fn configuration(
    SignedIn(viewer): SignedIn,
    State(hub): State<Arc<Hub>>,
    Path((group, cluster, kind, name)): Path<(String, String, String, String)>,
) -> Page {
    let kind_of_id = match kind.as_str() {
        "flux" => "fluxConfigurations",
        "sourceControl" => "sourceControlConfigurations",
        _ => return Err(PageError::NotFound),
    };
    let cluster_id = id(&hub, &group, &cluster);
    let id = format!("{cluster_id}/providers/Microsoft.KubernetesConfiguration/{kind_of_id}/{name}");
    let resource = hub.store.resource(&id).await?.ok_or(PageError::NotFound)?;
    let status = hub.store.status(&id).await?;
    let history = hub.store.history(&id, TURNS).await?;
    let view = configuration_page::View {
        group,
        cluster,
        name: resource.id.rsplit('/').next().unwrap_or_default().to_owned(),
        kind,
        properties: resource.body.get("properties").and_then(Value::as_object).cloned().unwrap_or_default(),
        status: status.as_ref().map(|status| configuration_page::Status::read(&status.body)).unwrap_or_default(),
        is_current: status.as_ref().is_some_and(|status| status.revision >= resource.revision),
        updated_at: status.map(|status| status.received_at),
        modified_at: resource.stamp.modified_at,
        modified_by: hub.store.name_of(&resource.stamp.modified_by).await?,
        history,
        id: resource.id,
    };
    Ok(configuration_page::show(&view, &viewer))
}

/// How far compliance is looked back at.
#[derive(Debug, Deserialize)]
pub(super) struct Span {
    #[serde(default)]
    days: String,
}

pub(super) async fn compliance(
    SignedIn(viewer): SignedIn,
    State(hub): State<Arc<Hub>>,
    Query(span): Query<Span>,
) -> Page {
    let known = |days: &u16| compliance_page::SPANS.iter().any(|(span, _)| span == days);
    let days = span.days.parse().ok().filter(known).unwrap_or(7);
    let since = viewer.now - Duration::from_secs(u64::from(days) * 86_400);
    let samples = hub.store.samples(since).await?.into_iter();
    let of_configurations =
        samples.filter(|(_, about, ..)| about == "configuration").map(|(at, _, state, number)| (at, state, number));
    Ok(compliance_page::show(&Series::of(of_configurations), days, &viewer))
}

pub(super) async fn events(SignedIn(viewer): SignedIn, State(hub): State<Arc<Hub>>) -> Page {
    let events = hub.store.last_events(None, EVENTS).await?;
    Ok(events_page::show(&events.iter().map(shown).collect::<Vec<_>>(), &viewer))
}

pub(super) async fn audit(SignedIn(viewer): SignedIn, State(hub): State<Arc<Hub>>) -> Page {
    let audited = hub.store.audited(AUDITED).await?;
    let names = hub.store.users().await?.into_iter().map(|user| (user.client_id, user.name)).collect();
    Ok(audit_page::show(&audited, &names, &viewer))
}
