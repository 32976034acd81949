//! `arcwright diff`: the lines that would change.
use super::{
    Outcome,
    context::{DataDir, TargetArgs},
    mask::mask,
    plan::is_change,
    preview::Previews,
    ui,
};
use crate::{
    model::{Manifest, ObjectId},
    plan::{APPLIED_ANNOTATION, Action},
    render,
};
use clap::Args;
use serde_json::{Map, Value};

/// Lines around a change.
const CONTEXT: usize = 3;

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Only this configuration: its name, or namespace/name
    name: Option<String>,
}

pub(super) async fn diff(args: DiffArgs, data: DataDir) -> Outcome {
    let previews = Previews::of(&args.target, args.name.as_deref(), &data).await?;
    previews.note_failures();
    let mut has_changes = false;
    for item in &previews.items {
        let Ok(planned) = &item.outcome else { continue };
        let steps = planned.plan.steps.iter().zip(&planned.preview.sides);
        for (step, (manifest, live)) in steps.filter(|(step, _)| is_change(step)) {
            has_changes = true;
            let (before, after) = sides(manifest.as_deref(), live.as_ref(), &step.action);
            print(&item.configuration, &step.id, &before, &after);
        }
        for problem in planned.plan.refusals.iter().map(ToString::to_string).chain(planned.preview.unknown.clone()) {
            ui::note(format_args!("{}: {problem}", item.title()));
        }
    }
    Ok(previews.compared(has_changes))
}

fn print(configuration: &str, id: &ObjectId, before: &str, after: &str) {
    let paint = ui::Paint::detect();
    ui::line(format_args!("{}", paint.bold(&format!("--- live {id}\n+++ {configuration} {id}"))));
    let diff = similar::TextDiff::from_lines(before, after);
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        for line in hunk.to_string().lines() {
            let shown = match line.as_bytes().first() {
                Some(b'+') => paint.green(line),
                Some(b'-') => paint.red(line),
                _ => line.to_owned(),
            };
            ui::line(format_args!("{shown}"));
        }
    }
}

/// The two texts to compare: what the manifest states, on the live side and on the wanted side.
fn sides(manifest: Option<&Manifest>, live: Option<&Map<String, Value>>, action: &Action) -> (String, String) {
    let mut after = manifest.map(|manifest| manifest.object.clone());
    let mut before = live.cloned();
    mask(&mut before, &mut after);
    if let (Some(live), Some(wanted)) = (&mut before, &after)
        && *action != Action::Prune
    {
        *live = stated(wanted, live);
    }
    let text = |side: Option<Map<String, Value>>| {
        side.map_or_else(String::new, |object| render::value_to_yaml(&Value::Object(without_marks(object))))
    };
    (text(before), text(after))
}

/// An object without what the server and the agent note on it.
fn without_marks(mut object: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
            metadata.remove(field);
        }
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(APPLIED_ANNOTATION);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    object
}

/// Of the live object, only the fields that the manifest states.
fn stated(wanted: &Map<String, Value>, live: &Map<String, Value>) -> Map<String, Value> {
    let both = |(key, value): (&String, &Value)| live.get(key).map(|have| (key.clone(), stated_value(value, have)));
    wanted.iter().filter_map(both).collect()
}

fn stated_value(wanted: &Value, live: &Value) -> Value {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => Value::Object(stated(wanted, live)),
        (Value::Array(wanted), Value::Array(live)) => {
            let item = |(index, live): (usize, &Value)| match wanted.get(index) {
                Some(wanted) => stated_value(wanted, live),
                None => live.clone(),
            };
            live.iter().enumerate().map(item).collect()
        }
        _ => live.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object") };
        object
    }

    fn texts(wanted: Value, live: Value) -> (String, String) {
        let manifest = Manifest::new(object(wanted), "");
        sides(Some(&manifest), Some(&object(live)), &Action::Update { paths: vec![] })
    }

    #[test]
    fn only_what_the_manifest_states_is_compared() {
        let wanted = json!({"kind": "A", "metadata": {"name": "a"}, "spec": {"list": [{"x": 1}], "count": 2}});
        let live = json!({
            "kind": "A", "metadata": {"name": "a", "uid": "u", "annotations": {APPLIED_ANNOTATION: "d"}}, "status": {},
            "spec": {"list": [{"x": 0, "default": true}, {"z": 1}], "count": 2, "default": 1},
        });
        let (before, after) = texts(wanted, live);
        assert_eq!(before, "kind: A\nmetadata:\n  name: a\nspec:\n  count: 2\n  list:\n  - x: 0\n  - z: 1\n");
        assert_eq!(after, "kind: A\nmetadata:\n  name: a\nspec:\n  count: 2\n  list:\n  - x: 1\n");
    }

    #[test]
    fn an_object_that_is_pruned_is_shown_whole_and_without_marks() {
        let live = object(json!({"kind": "A", "metadata": {"name": "a", "annotations": {APPLIED_ANNOTATION: "d"}}}));
        let (before, after) = sides(None, Some(&live), &Action::Prune);
        assert_eq!((before.as_str(), after.as_str()), ("kind: A\nmetadata:\n  name: a\n", ""));
    }

    #[test]
    fn a_secret_shows_that_it_changed_and_not_what_it_holds() {
        let secret = |data: Value| json!({"kind": "Secret", "metadata": {"name": "s"}, "data": data});
        let (before, after) = texts(
            secret(json!({"same": "c2FtZQ==", "key": "bmV3"})),
            secret(json!({"same": "c2FtZQ==", "key": "b2xk"})),
        );
        assert_eq!(before, "data:\n  key: '*** (before)'\n  same: '***'\nkind: Secret\nmetadata:\n  name: s\n");
        assert_eq!(after, before.replace("before", "after"));
    }
}
