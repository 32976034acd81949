//! From what the Flux controllers say to statuses. Pure.
use super::super::super::{
    judge::Expectation,
    status::{Condition, KustomizationStatus, ObjectStatus, Outcome, Phase},
};
use crate::{
    flux::v2::{self, Found, Standing, Story},
    model::{ObjectId, configuration::Configuration, flux::FluxV2},
    plan::health::Health,
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Reason of controllers that do not do their work.
pub(super) const UNAVAILABLE: &str = "FluxUnavailable";

/// The objects of a configuration whose status is followed.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) source: ObjectId,
    /// By name of the kustomization.
    kustomizations: Arc<[(String, ObjectId)]>,
}

impl Told {
    pub(super) fn new(configuration: &Configuration, flux: &FluxV2) -> Self {
        let id = &configuration.id;
        let kustomizations =
            flux.kustomizations.iter().map(|one| (one.name.clone(), v2::kustomization_id(id, one))).collect();
        Self { source: v2::source_id(id, flux), kustomizations }
    }

    /// All of them, the source first.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ObjectId> {
        std::iter::once(&self.source).chain(self.kustomizations.iter().map(|(_, id)| id))
    }
}

/// Says where the source stands, and of each object that is followed what its controller says.
pub(super) fn of_source(
    told: &Told,
    configuration: &Configuration,
    objects: &BTreeMap<ObjectId, Value>,
    found: &Found,
    status: &mut KustomizationStatus,
    before: &KustomizationStatus,
    expectation: Expectation,
) {
    let source = v2::source_standing(objects.get(&told.source));
    let revision = source.revision.clone();
    for object in &mut status.objects {
        let story = if object.id == told.source {
            source.clone()
        } else if told.kustomizations.iter().any(|(_, id)| *id == object.id) {
            v2::kustomization_standing(objects.get(&object.id), revision.as_deref())
        } else {
            continue;
        };
        let old = before.objects.iter().find(|old| old.id == object.id);
        let is_resting = configuration.suspend;
        follow(object, &story, objects.get(&object.id), old, is_resting);
    }
    if configuration.suspend {
        status.phase = Phase::Ready;
        return;
    }
    let said = Said { id: &told.source, part: "source-controller", found, is_late: expectation.is_late };
    let told = said.phase(&source, Some((before.phase, &before.reason, &before.message)));
    (status.phase, status.reason, status.message) = told;
    status.last_applied_revision = revision;
}

/// Where each kustomization stands, with what it has applied.
pub(super) fn of_kustomizations(
    told: &Told,
    configuration: &Configuration,
    objects: &BTreeMap<ObjectId, Value>,
    found: &Found,
    before: &BTreeMap<String, Arc<KustomizationStatus>>,
    is_late: bool,
) -> Vec<Arc<KustomizationStatus>> {
    let revision = v2::source_standing(objects.get(&told.source)).revision;
    let status = |(name, id): &(String, ObjectId)| {
        let object = objects.get(id);
        let story = v2::kustomization_standing(object, revision.as_deref());
        let old = before.get(name);
        let said = Said { id, part: "kustomize-controller", found, is_late };
        let earlier = old.map(|old| (old.phase, old.reason.as_str(), old.message.as_str()));
        let (phase, reason, message) = match configuration.suspend {
            true => (Phase::Ready, "Suspended".to_owned(), String::new()),
            false => said.phase(&story, earlier),
        };
        let applied = object.map(|object| self::applied(object, phase, &message)).unwrap_or_default();
        let last_applied_revision = story.revision;
        let status =
            KustomizationStatus { name: name.clone(), phase, reason, message, last_applied_revision, objects: applied };
        match old {
            Some(old) if **old == status => Arc::clone(old),
            _ => Arc::new(status),
        }
    };
    told.kustomizations.iter().map(status).collect()
}

/// What is said of one object.
struct Said<'a> {
    id: &'a ObjectId,
    /// The controller that works on it.
    part: &'a str,
    found: &'a Found,
    is_late: bool,
}

impl Said<'_> {
    /// Where it stands; what is looked at again stands where it stood.
    fn phase(&self, story: &Story, before: Option<(Phase, &str, &str)>) -> (Phase, String, String) {
        let told = || format!("{}: {}", self.id, story.message);
        let phase = match story.standing {
            Standing::Ready => return (Phase::Ready, story.reason.clone(), story.message.clone()),
            Standing::Failing => Phase::Failing,
            Standing::Stalled => Phase::Stalled,
            Standing::Passing => match before {
                Some((phase @ (Phase::Ready | Phase::Failing | Phase::Stalled), reason, message)) => {
                    return (phase, reason.to_owned(), message.to_owned());
                }
                _ => Phase::Progressing,
            },
            Standing::Unseen => return self.unseen(story),
            Standing::Progressing => Phase::Progressing,
        };
        (phase, story.reason.clone(), told())
    }

    /// Nobody has looked at it: that takes a moment, or the controller is not there.
    fn unseen(&self, story: &Story) -> (Phase, String, String) {
        let told = format!("{}: {}", self.id, story.message);
        let controller = self.found.controller(self.part).filter(|one| !one.is_available);
        let why = controller.map(|one| {
            let (part, namespace, name) = (self.part, &one.namespace, &one.name);
            format!("; {part} does not run: no pod of Deployment {namespace}/{name} is available")
        });
        match (self.is_late, why) {
            (true, why) => {
                let why = why.unwrap_or_else(|| format!("; see the logs of {}", self.part));
                (Phase::Failing, UNAVAILABLE.to_owned(), told + &why)
            }
            (false, why) => (Phase::Progressing, story.reason.clone(), told + &why.unwrap_or_default()),
        }
    }
}

/// What the controllers have applied, as far as they say.
fn applied(object: &Value, phase: Phase, message: &str) -> Vec<ObjectStatus> {
    let is_bad = matches!(phase, Phase::Failing | Phase::Stalled);
    let status = |id: ObjectId| {
        let is_named = is_bad && v2::named_in(message, &id);
        let health = if is_named { Health::Failed(message.to_owned()) } else { Health::Current };
        ObjectStatus {
            id,
            outcome: Outcome::Unchanged,
            message: String::new(),
            health: Some(health),
            conditions: Vec::new(),
        }
    };
    v2::inventory(object).into_iter().map(status).collect()
}

/// Takes what a controller says of its object; what is only looked at again is told as before.
fn follow(
    object: &mut ObjectStatus,
    story: &Story,
    live: Option<&Value>,
    before: Option<&ObjectStatus>,
    is_resting: bool,
) {
    if let (Standing::Passing, Some(before)) = (story.standing, before) {
        object.health.clone_from(&before.health);
        object.conditions.clone_from(&before.conditions);
        return;
    }
    object.health = Some(match story.standing {
        _ if is_resting => Health::Current,
        Standing::Ready => Health::Current,
        Standing::Failing | Standing::Stalled => Health::Failed(story.message.clone()),
        Standing::Progressing | Standing::Unseen | Standing::Passing => Health::InProgress(story.message.clone()),
    });
    object.conditions = live.map(conditions).unwrap_or_default();
    let alike = |a: &[Condition], b: &[Condition]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_alike(a, b));
    // Each look of a controller moves the times of its conditions, which is no news.
    if let Some(before) = before.filter(|before| alike(&before.conditions, &object.conditions)) {
        object.conditions.clone_from(&before.conditions);
    }
}

fn is_alike(a: &Condition, b: &Condition) -> bool {
    (&a.kind, &a.status, &a.reason, &a.message) == (&b.kind, &b.status, &b.reason, &b.message)
}

/// The conditions of an object, those left out that come and go while it is worked on.
fn conditions(object: &Value) -> Vec<Condition> {
    let all = object.pointer("/status/conditions").and_then(Value::as_array);
    let parsed = all.into_iter().flatten().filter_map(|one| {
        let text = |key: &str| one.get(key)?.as_str().map(str::to_owned);
        Some(Condition {
            kind: text("type").filter(|kind| kind != "Reconciling")?,
            status: text("status")?,
            reason: text("reason").unwrap_or_default(),
            message: v2::quoted(&text("message").unwrap_or_default()),
            last_transition_time: text("lastTransitionTime")?.parse().ok()?,
        })
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        flux::v2::{Apis, Controller},
        model::{
            configuration::{ConfigurationId, Engine, Kustomization},
            flux::FluxSource,
        },
    };
    use serde_json::json;
    use std::time::Duration;

    /// What is said of configuration `shop/web` with kustomization `app`.
    struct Case {
        configuration: Configuration,
        told: Told,
        found: Found,
        before: BTreeMap<String, Arc<KustomizationStatus>>,
    }

    impl Case {
        fn new() -> Self {
            let id = ConfigurationId { namespace: "shop".to_owned(), name: "web".to_owned() };
            let flux = FluxV2 {
                source: FluxSource::Git { provider: None },
                interval: Duration::ZERO,
                timeout: Duration::ZERO,
                kustomizations: vec![Kustomization::gone("app")],
            };
            let mut configuration = Configuration::gone(id);
            let told = Told::new(&configuration, &flux);
            configuration.engine = Engine::FluxV2(Box::new(flux));
            let controller = Controller {
                part: "kustomize-controller",
                namespace: "flux-system".to_owned(),
                name: "kustomize-controller".to_owned(),
                version: None,
                is_available: false,
                owner: None,
            };
            let found = Found { controllers: vec![controller], apis: Apis::default() };
            Self { configuration, told, found, before: BTreeMap::new() }
        }

        /// The status of the kustomization, given its conditions; none when no controller has looked at it.
        fn look(&mut self, ready: Option<(&str, &str, &str)>, is_late: bool) -> Arc<KustomizationStatus> {
            let revision = "main@sha1:1";
            let conditions: Vec<Value> = ready
                .into_iter()
                .map(|(status, reason, message)| {
                    json!({"type": "Ready", "status": status, "reason": reason, "message": message, "observedGeneration": 1})
                })
                .collect();
            let entries = [json!({"id": "shop_web_apps_Deployment"}), json!({"id": "shop_api_apps_Deployment"})];
            let object = json!({
                "metadata": {"generation": 1},
                "status": {
                    "conditions": conditions, "lastAppliedRevision": revision, "lastAttemptedRevision": revision,
                    "inventory": {"entries": entries},
                },
            });
            let source = json!({"status": {"artifact": {"revision": revision}}});
            let ids: Vec<ObjectId> = self.told.ids().cloned().collect();
            let objects = BTreeMap::from([(ids[0].clone(), source), (ids[1].clone(), object)]);
            let Self { configuration, told, found, before } = self;
            let statuses = of_kustomizations(told, configuration, &objects, found, before, is_late);
            self.before = statuses.iter().map(|one| (one.name.clone(), Arc::clone(one))).collect();
            Arc::clone(&statuses[0])
        }
    }

    const READY: Option<(&str, &str, &str)> =
        Some(("True", "ReconciliationSucceeded", "Applied revision: main@sha1:1"));
    const AGAIN: Option<(&str, &str, &str)> = Some(("Unknown", "Progressing", "Reconciliation in progress"));
    const BAD: Option<(&str, &str, &str)> =
        Some(("False", "HealthCheckFailed", "timeout waiting for: [Deployment/shop/web status: 'InProgress']"));

    #[test]
    fn what_is_looked_at_again_is_said_to_stand_where_it_stood() {
        let mut case = Case::new();
        assert_eq!(case.look(AGAIN, false).phase, Phase::Progressing, "nothing was said before");
        let ready = case.look(READY, false);
        assert_eq!(ready.phase, Phase::Ready);
        assert!(Arc::ptr_eq(&ready, &case.look(AGAIN, false)), "no news");
        assert!(Arc::ptr_eq(&ready, &case.look(READY, false)));
        let bad = case.look(BAD, false);
        assert_eq!(bad.phase, Phase::Failing);
        assert!(Arc::ptr_eq(&bad, &case.look(AGAIN, false)), "a try does not hide that the one before failed");
    }

    #[test]
    fn only_the_objects_that_a_failure_names_are_bad() {
        let bad = Case::new().look(BAD, false);
        let health: Vec<(&str, bool)> =
            bad.objects.iter().map(|one| (one.id.name.as_str(), one.health == Some(Health::Current))).collect();
        assert_eq!(health, [("api", true), ("web", false)]);
    }

    #[test]
    fn what_nobody_looks_at_is_pending_and_then_failed_by_the_controller_that_does_not_run() {
        let mut case = Case::new();
        let waiting = case.look(None, false);
        assert_eq!(waiting.phase, Phase::Progressing);
        assert!(waiting.message.ends_with("no pod of Deployment flux-system/kustomize-controller is available"));
        let late = case.look(None, true);
        assert_eq!((late.phase, late.reason.as_str()), (Phase::Failing, UNAVAILABLE));
        case.found.controllers.clear();
        assert!(case.look(None, true).message.ends_with("see the logs of kustomize-controller"));
    }

    #[test]
    fn the_times_of_conditions_are_no_news() {
        let told = |at: &str, message: &str| {
            json!({"status": {"conditions": [
                {"type": "Reconciling", "status": "True", "reason": "a", "message": "b", "lastTransitionTime": at},
                {"type": "Ready", "status": "True", "reason": "a", "message": message, "lastTransitionTime": at},
            ]}})
        };
        let story = Story { standing: Standing::Ready, reason: String::new(), message: String::new(), revision: None };
        let id = Case::new().told.source;
        let mut object = ObjectStatus {
            id,
            outcome: Outcome::Unchanged,
            message: String::new(),
            health: None,
            conditions: Vec::new(),
        };
        follow(&mut object, &story, Some(&told("2026-01-01T00:00:00Z", "m")), None, false);
        assert_eq!(object.conditions.len(), 1, "what comes and goes is left out");
        let first = object.clone();
        follow(&mut object, &story, Some(&told("2026-01-01T00:10:00Z", "m")), Some(&first), false);
        assert_eq!(object, first);
        follow(&mut object, &story, Some(&told("2026-01-01T00:10:00Z", "n")), Some(&first), false);
        assert_ne!(object, first);
    }
}
