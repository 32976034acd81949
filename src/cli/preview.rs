//! What would change, as `plan`, `diff` and `prune` show it.
use super::{
    Failure,
    context::{DataDir, TargetArgs},
    progress::Progress,
    ui,
};
use crate::{
    agents::config::{self, Preview, lookup},
    desired::Issue,
    model::configuration::{Configuration, ConfigurationId},
    plan::Plan,
};
use futures::{StreamExt as _, stream};
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

/// Configurations that are planned at once.
const AT_ONCE: usize = 8;

/// What would become of one kustomization, or why that is not known.
pub(super) struct Item {
    /// `namespace/name` of the configuration.
    pub(super) configuration: String,
    /// Name of the kustomization; empty for the only one, or when the configuration failed as a whole.
    pub(super) kustomization: String,
    /// The plan, or why there is none.
    pub(super) outcome: Result<Planned, String>,
}

/// A plan and what belongs to it.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) preview: Preview,
}

impl Item {
    /// The configuration and, where it has a name, the kustomization.
    pub(super) fn title(&self) -> String {
        if self.kustomization.is_empty() {
            self.configuration.clone()
        } else {
            format!("{} {}", self.configuration, self.kustomization)
        }
    }
}

/// Everything that was planned.
pub(super) struct Previews {
    pub(super) items: Vec<Item>,
    /// Whether a state file has an error.
    has_state_errors: bool,
}

impl Previews {
    /// Plans the configurations of the state, or the one that is called `name`. Writes nothing.
    pub(super) async fn of(target: &TargetArgs, name: Option<&str>, data: &DataDir) -> Result<Self, Failure> {
        let state = target.load().map_err(|failure| failure.code(2))?;
        let state = target.with_controllers(state);
        let chosen = choose(&state.configurations, name)?;
        let ctx = target.connect(data).await.map_err(|failure| failure.code(2))?;
        let cancel = CancellationToken::new();
        let progress = Progress::bar(chosen.len(), "planning");
        let plans = chosen.into_iter().map(|configuration| {
            let (ctx, cancel, progress) = (&ctx, &cancel, &progress);
            async move {
                let previews = config::preview(ctx, configuration, cancel).await;
                progress.advance();
                items(&configuration.id, previews)
            }
        });
        let items: Vec<Vec<Item>> = stream::iter(plans).buffered(AT_ONCE).collect().await;
        progress.end();
        Ok(Self {
            items: items.into_iter().flatten().collect(),
            has_state_errors: state.issues.iter().any(Issue::is_error),
        })
    }

    /// Prints, to standard error, what could not be planned.
    pub(super) fn note_failures(&self) {
        for item in &self.items {
            if let Err(message) = &item.outcome {
                ui::note(format_args!("{}: {message}", item.title()));
            }
        }
    }

    /// Whether something could not be planned, or would be refused.
    pub(super) fn has_errors(&self) -> bool {
        let is_clean = |planned: &Planned| planned.plan.refusals.is_empty() && planned.preview.unknown.is_empty();
        self.has_state_errors || !self.items.iter().all(|item| item.outcome.as_ref().is_ok_and(is_clean))
    }

    /// The exit code of a comparison: 0 nothing to change, 1 changes, 2 an error.
    pub(super) fn compared(&self, has_changes: bool) -> ExitCode {
        ExitCode::from(if self.has_errors() { 2 } else { u8::from(has_changes) })
    }
}

fn choose<'a>(all: &'a [std::sync::Arc<Configuration>], name: Option<&str>) -> Result<Vec<&'a Configuration>, Failure> {
    let Some(name) = name else { return Ok(all.iter().map(AsRef::as_ref).collect()) };
    let id = lookup(all.iter().map(|one| &one.id), name)
        .map_err(|error| Failure::new(error.to_string()).hint(error.hint()).code(2))?;
    Ok(all.iter().map(AsRef::as_ref).filter(|one: &&Configuration| one.id == *id).collect())
}

fn items(id: &ConfigurationId, previews: Result<Vec<Preview>, String>) -> Vec<Item> {
    let configuration = id.to_string();
    match previews {
        Err(message) => vec![Item { configuration, kustomization: String::new(), outcome: Err(message) }],
        Ok(previews) => previews
            .into_iter()
            .map(|mut preview| {
                let plan = std::mem::replace(&mut preview.plan, Ok(Plan::default()));
                Item {
                    configuration: configuration.clone(),
                    kustomization: preview.kustomization.clone(),
                    outcome: plan.map(|plan| Planned { plan, preview }),
                }
            })
            .collect(),
    }
}
