use super::*;
use crate::{
    model::configuration::ConfigurationId,
    plan::{APPLIED_ANNOTATION, Form, PRUNE_ANNOTATION},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn observed(live: &BTreeMap<ObjectId, Map<String, Value>>) -> BTreeMap<ObjectId, Observed> {
    live.iter().map(|(id, object)| (id.clone(), Observed::of(object))).collect()
}

fn plan(
    wanted: Vec<Manifest>,
    live: &BTreeMap<ObjectId, Observed>,
    inventory: &BTreeSet<ObjectId>,
    policy: &Policy,
) -> Result<Plan, PlanError> {
    let wanted: Vec<Arc<Manifest>> = wanted.into_iter().map(Arc::new).collect();
    super::plan(&wanted, live, inventory, policy)
}

fn policy() -> Policy {
    Policy {
        owner: ConfigurationId { namespace: "apps".into(), name: "shop".into() },
        scope: Scope::Cluster,
        prune: true,
        allow_empty: true,
        drift: DriftPolicy::Correct,
    }
}

fn manifest(kind: &str, namespace: &str, name: &str, value: u32) -> Manifest {
    let object = json!({
        "apiVersion": "v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace,
            "labels": {"clusterconfig.azure.com/name": "shop", "clusterconfig.azure.com/namespace": "apps"},
            "annotations": {APPLIED_ANNOTATION: format!("{value:016x}")}},
        "data": {"value": value.to_string()},
    });
    let Value::Object(object) = object else { unreachable!("an object") };
    Manifest::new(object, format!("{name}.yaml"))
}

/// What a server would hold after the plan's writes.
fn take(plan: &Plan, live: &mut BTreeMap<ObjectId, Map<String, Value>>) {
    for step in plan.writes() {
        match (&step.action, &step.manifest) {
            (Action::Prune, _) => drop(live.remove(&step.id)),
            (_, Some(manifest)) => drop(live.insert(step.id.clone(), manifest.object.clone())),
            (_, None) => {}
        }
    }
}

fn manifests() -> impl Strategy<Value = Vec<Manifest>> {
    prop::collection::vec(("[A-C]", "[ab]", "[a-d]", 0_u32..3), 0..12)
        .prop_map(|all| all.iter().map(|(k, ns, n, v)| manifest(k, ns, n, *v)).collect())
}

proptest! {
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_write(wanted in manifests(), before in manifests()) {
        let mut live: BTreeMap<_, _> = before.iter().map(|m| (m.id(), m.object.clone())).collect();
        let inventory: BTreeSet<_> = live.keys().cloned().collect();
        let first = plan(wanted.clone(), &observed(&live), &inventory, &policy()).expect("a plan");
        let wanted_ids: BTreeSet<_> = wanted.iter().map(Manifest::id).collect();
        for step in first.prunes() {
            prop_assert!(inventory.contains(&step.id), "pruned something it never applied");
            prop_assert!(!wanted_ids.contains(&step.id), "pruned something wanted");
        }
        take(&first, &mut live);
        let again = plan(wanted, &observed(&live), &wanted_ids, &policy()).expect("a plan");
        prop_assert!(!again.changes(), "{:?}", again.writes().map(ToString::to_string).collect::<Vec<_>>());
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_the_manifests(mut wanted in manifests()) {
        wanted.sort_by_key(Manifest::id);
        wanted.dedup_by_key(|m| m.id());
        let forward = plan(wanted.clone(), &BTreeMap::new(), &BTreeSet::new(), &policy());
        wanted.reverse();
        prop_assert_eq!(forward, plan(wanted, &BTreeMap::new(), &BTreeSet::new(), &policy()));
    }
}

#[test]
fn says_what_it_will_do_definitions_first_and_prunes_last() {
    let wanted = vec![
        manifest("ConfigMap", "apps", "new", 1),
        manifest("Namespace", "", "apps", 1),
        manifest("ConfigMap", "apps", "edited", 1),
        manifest("ConfigMap", "apps", "changed", 2),
    ];
    let mut live: BTreeMap<_, _> = ["edited", "changed", "old"]
        .iter()
        .map(|n| manifest("ConfigMap", "apps", n, 1))
        .map(|m| (m.id(), m.object))
        .collect();
    live.get_mut(&wanted[2].id()).expect("edited")["data"]["value"] = json!("9");
    let inventory = live.keys().cloned().collect();
    let plan = plan(wanted, &observed(&live), &inventory, &policy()).expect("a plan");
    insta::assert_snapshot!(plan.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), @r"
    create   Namespace/apps
    update   ConfigMap/apps/changed  (data.value)
    correct  ConfigMap/apps/edited  (drift at data.value)
    create   ConfigMap/apps/new
    prune    ConfigMap/apps/old  (left the manifests)
    ");
}

#[test]
fn an_empty_render_prunes_nothing_unless_allowed() {
    let inventory = BTreeSet::from([manifest("ConfigMap", "apps", "a", 1).id()]);
    let guarded = Policy { allow_empty: false, ..policy() };
    assert_eq!(plan(vec![], &BTreeMap::new(), &inventory, &guarded), Err(PlanError::EmptyRender { objects: 1 }));
    assert_eq!(plan(vec![], &BTreeMap::new(), &inventory, &policy()).expect("a plan").prunes().count(), 1);
}

#[test]
fn objects_of_others_and_objects_that_ask_to_stay_are_left_alone() {
    let mut foreign = manifest("ConfigMap", "apps", "theirs", 1);
    foreign.object["metadata"]["labels"]["clusterconfig.azure.com/name"] = json!("other");
    let mut kept = manifest("ConfigMap", "apps", "kept", 1);
    kept.object["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/prune"] = json!("Disabled");
    let live: BTreeMap<_, _> = [&foreign, &kept].iter().map(|m| (m.id(), m.object.clone())).collect();
    let inventory = live.keys().cloned().collect();
    let none = plan(vec![], &observed(&live), &inventory, &policy()).expect("a plan");
    assert!(!none.changes());
    let refused = plan(vec![manifest("ConfigMap", "apps", "theirs", 2)], &observed(&live), &inventory, &policy())
        .expect("a plan");
    assert_eq!(refused.refusals, [Refusal::OwnedByOther { id: foreign.id(), owner: "apps/other".into() }]);
    assert!(!refused.changes());
}

#[test]
fn namespace_scope_refuses_what_is_outside() {
    let narrow = Policy { scope: Scope::Namespace, ..policy() };
    let plan = plan(vec![manifest("ConfigMap", "kube-system", "x", 1)], &BTreeMap::new(), &BTreeSet::new(), &narrow)
        .expect("a plan");
    assert_eq!(plan.steps, []);
    assert!(matches!(plan.refusals.as_slice(), [Refusal::OutOfScope { .. }]));
}

#[test]
fn a_namespace_with_the_content_of_others_stays_until_told_otherwise() {
    let namespace = manifest("Namespace", "", "apps", 1);
    let id = namespace.id();
    let mut live = observed(&BTreeMap::from([(id.clone(), namespace.object)]));
    let inventory = BTreeSet::from([id.clone()]);
    live.get_mut(&id).expect("observed").foreign = Some("Pod/apps/theirs".into());
    let guarded = plan(vec![], &live, &inventory, &policy()).expect("a plan");
    assert!(!guarded.changes());
    assert!(
        matches!(guarded.refusals.as_slice(), [Refusal::ForeignContent { found, .. }] if found == "Pod/apps/theirs")
    );
    live.get_mut(&id).expect("observed").yields_to_content = true;
    let let_go = plan(vec![], &live, &inventory, &policy()).expect("a plan");
    assert!(!let_go.changes() && let_go.refusals.is_empty(), "nobody waits for it");
    live.get_mut(&id).expect("observed").yields_to_content = false;
    live.get_mut(&id).expect("observed").goes_with_content = true;
    assert_eq!(plan(vec![], &live, &inventory, &policy()).expect("a plan").prunes().count(), 1);
}

#[test]
fn what_the_server_calls_equal_is_kept_however_it_is_written() {
    let wanted = manifest("ConfigMap", "apps", "a", 1);
    let mut object = wanted.object.clone();
    object["data"]["value"] = json!("written another way");
    let mut live = BTreeMap::from([(wanted.id(), Observed::of(&object))]);
    assert!(plan(vec![wanted.clone()], &live, &BTreeSet::new(), &policy()).expect("a plan").changes());
    live.get_mut(&wanted.id()).expect("observed").form = Form::Settled;
    assert!(!plan(vec![wanted], &live, &BTreeSet::new(), &policy()).expect("a plan").changes());
}

#[test]
fn annotations_take_an_object_out_of_the_plan() {
    let annotated = |key: &str, value: &str| {
        let mut object = manifest("ConfigMap", "apps", "a", 1);
        object.object["metadata"]["annotations"][key] = json!(value);
        object
    };
    let action = |wanted: Manifest, live: &BTreeMap<ObjectId, Observed>| {
        let plan = plan(vec![wanted], live, &BTreeSet::new(), &policy()).expect("a plan");
        plan.steps[0].action.clone()
    };
    let nothing = BTreeMap::new();
    let changed = manifest("ConfigMap", "apps", "a", 2);
    let there = BTreeMap::from([(changed.id(), Observed::of(&changed.object))]);
    for key in ["clusterconfig.azure.com/reconcile", "kustomize.toolkit.fluxcd.io/reconcile"] {
        assert_eq!(action(annotated(key, "Disabled"), &nothing), Action::Skip);
        let opted_out = annotated(key, "disabled");
        let live = BTreeMap::from([(opted_out.id(), Observed::of(&opted_out.object))]);
        assert_eq!(action(changed.clone(), &live), Action::Skip, "the live object asks for it");
    }
    let once = || annotated("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent");
    assert_eq!(action(once(), &nothing), Action::Create);
    assert_eq!(action(once(), &there), Action::Skip);
    assert_eq!(PRUNE_ANNOTATION, "clusterconfig.azure.com/prune");
}

#[test]
fn what_a_controller_clears_away_goes_before_what_it_needs_for_that() {
    let id = |group: &str, kind: &str| ObjectId {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: "apps".to_owned(),
        name: "web".to_owned(),
    };
    let inventory = BTreeSet::from([
        id("", "ServiceAccount"),
        id("rbac.authorization.k8s.io", "RoleBinding"),
        id("source.toolkit.fluxcd.io", "GitRepository"),
        id("kustomize.toolkit.fluxcd.io", "Kustomization"),
    ]);
    let plan = plan(vec![], &BTreeMap::new(), &inventory, &policy()).expect("a plan");
    let kinds: Vec<&str> = plan.prunes().map(|step| step.id.kind.as_str()).collect();
    assert_eq!(kinds, ["Kustomization", "GitRepository", "RoleBinding", "ServiceAccount"]);
}
