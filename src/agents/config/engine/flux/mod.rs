//! Engine `flux-v2`: what the controllers are told, and what they say.
pub(super) mod controllers;
mod status;

pub(in crate::agents::config) use controllers::lay_over;

use super::super::{
    Context, SourceError,
    credentials::{self, NoKey},
    judge::{self, Expectation},
    status::{KustomizationStatus, Phase},
};
use crate::{
    cluster::{ClusterError, LiveObject},
    error::Chain,
    flux::v2::{self, Apis, Application, Found},
    model::{
        Manifest, ObjectId,
        configuration::{Configuration, Credentials, GitSource, SecretRef},
        flux::FluxV2,
    },
};
use kube::core::ApiResource;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use status::Told;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// For how long what was found of Flux serves every configuration.
const FOUND_FOR: Duration = Duration::from_secs(5);
/// For how long it serves those that are asked for a visit at once.
const FOUND_AGAIN: Duration = Duration::from_secs(1);
/// Labels of the Deployments of Flux, as its own installations have them.
const LABELS: &str = "app.kubernetes.io/component in (source-controller, kustomize-controller)";
/// How long an object of Flux may be on its way out before it counts as abandoned, where no controller runs.
const ABANDONED: Duration = Duration::from_secs(120);

/// What was found of Flux last, and when. Held while somebody looks, so that many configurations look once.
#[derive(Default)]
pub(in crate::agents::config) struct Findings(Mutex<Option<(Instant, Arc<Found>)>>);

/// Looks for the controllers and the kinds of Flux; what was found within `max_age` serves again.
///
/// # Errors
/// When the API server does not answer or refuses.
pub(super) async fn find(ctx: &Context, max_age: Duration) -> Result<Arc<Found>, ClusterError> {
    let mut known = ctx.findings.0.lock().await;
    if let Some((_, found)) = known.as_ref().filter(|(at, _)| at.elapsed() < max_age) {
        return Ok(Arc::clone(found));
    }
    let cluster = &ctx.cluster;
    let mut deployments = cluster.deployments("", LABELS).await?;
    let mut controllers = v2::controllers_in(&deployments);
    if controllers.len() < v2::CONTROLLERS.len() {
        deployments.extend(cluster.deployments(&ctx.controllers.namespace, "").await?);
        controllers = v2::controllers_in(&deployments);
    }
    let served = async |group: &str, kind: &str, versions: &[&str]| {
        Ok::<_, ClusterError>(cluster.discovery.served(group, kind, versions).await?.unwrap_or_default())
    };
    let apis = Apis {
        git: served(v2::SOURCE_GROUP, "GitRepository", &["v1"]).await?,
        bucket: served(v2::SOURCE_GROUP, "Bucket", &["v1", "v1beta2"]).await?,
        oci: served(v2::SOURCE_GROUP, "OCIRepository", &["v1", "v1beta2"]).await?,
        kustomization: served(v2::KUSTOMIZE_GROUP, "Kustomization", &["v1"]).await?,
    };
    let found = Arc::new(Found { controllers, apis });
    *known = Some((Instant::now(), Arc::clone(&found)));
    Ok(found)
}

/// What the controllers are told of one configuration.
#[derive(Clone)]
pub(in crate::agents::config) struct Orders {
    pub(super) manifests: Arc<[Manifest]>,
    /// Digest of the manifests.
    pub(super) fingerprint: String,
    /// What is followed of them.
    told: Told,
    found: Arc<Found>,
}

/// Makes what the controllers are told. Reads Secrets, and makes the key; passes on that a visit was asked for.
///
/// # Errors
/// When Flux is missing or too old, when a Secret is missing or not usable, or the API server does not answer or refuses.
///
/// # Cancellation
/// May be dropped; what was made is found again.
pub(super) async fn make(
    ctx: &Context,
    configuration: &Configuration,
    flux: &FluxV2,
    no_key: NoKey,
    freshness: Duration,
) -> Result<Orders, SourceError> {
    let max_age = freshness.clamp(FOUND_AGAIN, FOUND_FOR);
    let found = find(ctx, max_age).await.map_err(SourceError::Operator)?;
    if let Err(lack) = found.can_use(&flux.source) {
        let own = v2::controllers_id(&ctx.controllers);
        let is_coming = ctx.controllers.install && found.controllers.iter().all(|one| one.owner.as_ref() == Some(&own));
        let namespace = ctx.controllers.namespace.clone();
        return Err(if is_coming { SourceError::FluxComing { namespace } } else { lack.into() });
    }
    let git_secret = as_it_is(&configuration.source);
    let git = match git_secret {
        Some(_) => configuration.source.clone(),
        None => credentials::complete(ctx, configuration, no_key).await?,
    };
    let application = Application {
        id: &configuration.id,
        scope: configuration.scope,
        suspend: configuration.suspend,
        flux,
        git: &git,
        account: ctx.accounts.given(configuration),
        git_secret,
        apis: &found.apis,
    };
    let manifests: Arc<[Manifest]> = v2::manifests(&application).into();
    let told = Told::new(configuration, flux);
    if freshness.is_zero() && no_key == NoKey::Make && !configuration.suspend {
        ask(ctx, &told, &found.apis).await;
    }
    Ok(Orders { fingerprint: fingerprint(&manifests), manifests, told, found })
}

/// Stands for manifests.
pub(super) fn fingerprint(manifests: &[Manifest]) -> String {
    let mut digest = Sha256::new();
    for manifest in manifests {
        digest.update(serde_json::to_vec(&manifest.object).unwrap_or_default());
    }
    crate::hex::hex(&digest.finalize())
}

/// The Secret of the user that holds all credentials: Flux can read it by itself.
fn as_it_is(source: &GitSource) -> Option<&str> {
    let Credentials { user, password, bearer_token: _, ssh_private_key, known_hosts, ca_bundle } = &source.credentials;
    let states_more = user.is_some()
        || password.is_some()
        || ssh_private_key.is_some()
        || known_hosts.is_some()
        || ca_bundle.is_some();
    match source.secret_refs.as_slice() {
        [SecretRef::Whole { name }] if !states_more => Some(name),
        _ => None,
    }
}

/// Passes on that somebody asked for a visit. What is not there yet is looked at by itself.
async fn ask(ctx: &Context, told: &Told, apis: &Apis) {
    let at = ctx.clock.now().to_string();
    let change = json!({"metadata": {"annotations": {v2::REQUESTED_AT: at}}});
    for id in told.ids() {
        let Some(kind) = resource(id, apis) else { continue };
        if let Err(error) = ctx.cluster.nudge(&kind, id, &change).await {
            tracing::warn!(object = %id, error = %Chain(&error), "the controller was not asked to reconcile at once");
        }
    }
}

/// How an object of Flux is addressed.
fn resource(id: &ObjectId, apis: &Apis) -> Option<ApiResource> {
    let (api_version, plural) = match id.kind.as_str() {
        "GitRepository" => (&apis.git, "gitrepositories"),
        "Bucket" => (&apis.bucket, "buckets"),
        "OCIRepository" => (&apis.oci, "ocirepositories"),
        "Kustomization" => (&apis.kustomization, "kustomizations"),
        _ => return None,
    };
    Some(ApiResource {
        group: id.group.clone(),
        version: api_version.rsplit('/').next().unwrap_or_default().to_owned(),
        api_version: api_version.clone(),
        kind: id.kind.clone(),
        plural: plural.to_owned(),
    })
}

impl Orders {
    /// The revision of the source's artifact.
    pub(super) fn revision(&self, ctx: &Context) -> Option<String> {
        v2::source_standing(live(ctx, &self.told.source).as_ref()).revision
    }

    /// Says where the source stands, when everything that the controllers are told is there.
    pub(super) fn judge(
        &self,
        ctx: &Context,
        configuration: &Configuration,
        status: &mut KustomizationStatus,
        before: &KustomizationStatus,
        expectation: Expectation,
    ) {
        if judge::by_drift(status) {
            return;
        }
        let objects = self.live(ctx);
        status::of_source(&self.told, configuration, &objects, &self.found, status, before, expectation);
    }

    /// Where each kustomization of the configuration stands, with the objects that the controllers have applied.
    pub(super) fn reported(
        &self,
        ctx: &Context,
        configuration: &Configuration,
        before: &BTreeMap<String, Arc<KustomizationStatus>>,
        is_late: bool,
    ) -> Vec<Arc<KustomizationStatus>> {
        let objects = self.live(ctx);
        status::of_kustomizations(&self.told, configuration, &objects, &self.found, before, is_late)
    }

    fn live(&self, ctx: &Context) -> BTreeMap<ObjectId, Value> {
        self.told.ids().filter_map(|id| Some((id.clone(), live(ctx, id)?))).collect()
    }
}

fn live(ctx: &Context, id: &ObjectId) -> Option<Value> {
    ctx.cluster.live.select([id]).remove(id)?.in_full()
}

/// Makes the kustomize-controller let go of what it applied, before its Kustomizations are deleted: another engine has
/// it now.
///
/// # Errors
/// When the API server does not answer or refuses.
pub(in crate::agents::config) async fn let_go(
    ctx: &Context,
    ids: impl Iterator<Item = ObjectId>,
) -> Result<(), ClusterError> {
    let kustomizations: Vec<ObjectId> = ids.filter(|id| id.group == v2::KUSTOMIZE_GROUP).collect();
    if kustomizations.is_empty() {
        return Ok(());
    }
    let found = find(ctx, FOUND_FOR).await?;
    for id in &kustomizations {
        if let Some(kind) = resource(id, &found.apis) {
            ctx.cluster.nudge(&kind, id, &json!({"spec": {"suspend": true}})).await?;
        }
    }
    Ok(())
}

/// Takes the controllers' finalizer off objects that have been on their way out for long, where no controller runs that
/// would do it. What a Kustomization had applied stays then, and is said.
pub(in crate::agents::config) async fn abandon(ctx: &Context, going: &BTreeMap<ObjectId, LiveObject>) {
    let now = ctx.clock.now();
    let late: Vec<(&ObjectId, Value)> = going
        .iter()
        .filter_map(|(id, object)| Some((id, object.in_full()?)))
        .filter(|(_, object)| is_late(object, now))
        .collect();
    if late.is_empty() {
        return;
    }
    let Ok(found) = find(ctx, Duration::ZERO).await else { return };
    for (id, object) in late {
        let part = if id.group == v2::KUSTOMIZE_GROUP { "kustomize-controller" } else { "source-controller" };
        let Some(kind) = resource(id, &found.apis).filter(|_| !found.runs(part)) else { continue };
        let left = v2::inventory(&object).len();
        let released = ctx.cluster.nudge(&kind, id, &without_finalizer(&object)).await;
        match released {
            Ok(_) => {
                tracing::warn!(object = %id, controller = part, left, "no controller runs that would clear it away: it is let go of, and what it had applied stays");
            }
            Err(error) => tracing::warn!(object = %id, error = %Chain(&error), "it could not be let go of"),
        }
    }
}

/// Whether an object of Flux has been on its way out for long.
fn is_late(object: &Value, now: jiff::Timestamp) -> bool {
    let holds = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    let is_held = holds.is_some_and(|all| all.iter().any(|one| one == v2::FINALIZER));
    let since = object.pointer("/metadata/deletionTimestamp").and_then(Value::as_str);
    let since = since.and_then(|since| since.parse::<jiff::Timestamp>().ok());
    let for_long = since.is_some_and(|since| now.duration_since(since).unsigned_abs() >= ABANDONED && now > since);
    is_held && for_long
}

/// A change that leaves the other finalizers, of the very object that was looked at.
fn without_finalizer(object: &Value) -> Value {
    let holds = object.pointer("/metadata/finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    let rest: Vec<Value> = holds.into_iter().filter(|one| one != v2::FINALIZER).collect();
    json!({"metadata": {"uid": object.pointer("/metadata/uid"), "finalizers": rest}})
}

/// Whether a reason is one of what Flux lacks as a whole.
pub(super) fn is_of_install(reason: &str) -> bool {
    ["FluxNotInstalled", "FluxTooOld", status::UNAVAILABLE].contains(&reason)
}

/// Whether a configuration of this phase, with this reason, waits for Flux to be installed.
pub(super) fn is_installing(phase: Phase, reason: &str) -> bool {
    phase == Phase::Progressing && reason == "FluxInstalling"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn going(finalizers: &[&str], since: &str) -> Value {
        json!({"metadata": {"uid": "u", "finalizers": finalizers, "deletionTimestamp": since}})
    }

    #[test]
    fn only_what_flux_holds_for_long_is_abandoned() {
        let now: jiff::Timestamp = "2026-01-01T00:10:00Z".parse().expect("a time");
        let since = "2026-01-01T00:08:00Z";
        assert!(is_late(&going(&["finalizers.fluxcd.io"], since), now));
        assert!(!is_late(&going(&["finalizers.fluxcd.io"], "2026-01-01T00:08:01Z"), now));
        assert!(!is_late(&going(&["finalizers.fluxcd.io"], "2026-01-01T01:00:00Z"), now), "clocks differ");
        assert!(!is_late(&going(&["example.org/other"], since), now));
        assert!(!is_late(&json!({"metadata": {"finalizers": ["finalizers.fluxcd.io"]}}), now));
        let change = without_finalizer(&going(&["a", "finalizers.fluxcd.io"], since));
        assert_eq!(change, json!({"metadata": {"uid": "u", "finalizers": ["a"]}}));
    }
}
