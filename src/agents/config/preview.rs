//! What a pass would do, without doing it.
use super::{
    Context,
    credentials::{self, NoKey},
    reconcile::observe_and_plan,
};
use crate::{
    error::Chain,
    model::{Manifest, configuration::Configuration},
    plan::Plan,
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// The manifest and the live object of one step.
pub(super) type Sides = (Option<Manifest>, Option<Map<String, Value>>);

/// The plan of one kustomization, with the two sides of each change.
pub struct Preview {
    /// Name of the kustomization.
    pub kustomization: String,
    /// The revision planned for.
    pub revision: String,
    /// The plan, or why there is none.
    pub plan: Result<Plan, String>,
    /// Manifest and live object of each step of the plan, in its order.
    pub sides: Vec<Sides>,
    /// Objects that nobody can apply, and why.
    pub unknown: Vec<String>,
}

/// Plans every kustomization of a configuration. Reads, and writes nothing.
///
/// # Errors
/// When the source cannot be fetched: the text says why.
pub async fn preview(
    ctx: &Context,
    configuration: &Configuration,
    cancel: &CancellationToken,
) -> Result<Vec<Preview>, String> {
    let artifact = credentials::fetch(ctx, configuration, NoKey::Leave, ctx.freshness, cancel)
        .await
        .map_err(|error| Chain(&error).to_string())?;
    let mut previews = Vec::new();
    for kustomization in &configuration.kustomizations {
        let mut preview = Preview {
            kustomization: kustomization.name.clone(),
            revision: artifact.revision.to_string(),
            plan: Ok(Plan::default()),
            sides: Vec::new(),
            unknown: Vec::new(),
        };
        match observe_and_plan(ctx, configuration, kustomization, &artifact).await {
            Ok(planned) => {
                preview.sides = planned
                    .plan
                    .steps
                    .iter()
                    .map(|step| {
                        (step.manifest.clone(), planned.live.get(&step.id).map(crate::cluster::LiveObject::object))
                    })
                    .collect();
                preview.unknown = planned.prepared.unknown.iter().map(|(_, error)| Chain(error).to_string()).collect();
                preview.plan = Ok(planned.plan);
            }
            Err(error) => preview.plan = Err(Chain(&error).to_string()),
        }
        previews.push(preview);
    }
    Ok(previews)
}
