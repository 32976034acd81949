//! What a kustomization wants of the cluster: rendered, substituted, addressed.
use super::{
    Context, PassError,
    artifact_tree::Closure,
    engine::Origin,
    memory::Memory,
    prepare::{Prepared, prepare},
};
use crate::model::{
    ObjectId,
    configuration::{Configuration, Kustomization},
};
use std::collections::{BTreeMap, BTreeSet};

/// What a kustomization wants, and what that was made of.
pub(super) struct Wanted {
    pub(super) prepared: Prepared,
    pub(super) closure: Closure,
    pub(super) variables: BTreeMap<String, String>,
}

impl Wanted {
    /// The objects that are wanted, those of unknown kinds as far as they are known included.
    pub(super) fn ids(&self) -> BTreeSet<ObjectId> {
        let known = self.prepared.manifests.iter().map(|manifest| manifest.id());
        known.chain(self.prepared.unusable.iter().map(|(id, _)| id.clone())).collect()
    }
}

/// What is to be done for a kustomization in this visit.
pub(super) enum Turn {
    /// Nothing: what it was made of is what it was, and so are its objects.
    Unchanged,
    /// To be compared with what is there.
    Wanted(Box<Wanted>),
    /// It cannot be rendered.
    Failed(PassError),
}

/// Finds out what a kustomization wants. Renders only when something that it was made of changed.
pub(super) async fn turn(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
    origin: &Origin,
    memory: &Memory,
    has_drifted: bool,
) -> Turn {
    let wanted = async {
        let variables = variables(ctx, configuration, kustomization).await?;
        let settled = memory.kustomizations.get(&kustomization.name).filter(|settled| {
            !has_drifted
                && !settled.has_failures
                && settled.digest == configuration.digest
                && settled.variables == variables
        });
        if settled.is_some_and(|settled| origin.is_same_for(&settled.origin, &settled.closure)) {
            return Ok(None);
        }
        wanted(ctx, configuration, kustomization, origin, variables).await.map(Some)
    };
    match wanted.await {
        Ok(None) => Turn::Unchanged,
        Ok(Some(wanted)) => Turn::Wanted(Box::new(wanted)),
        Err(error) => Turn::Failed(error),
    }
}

/// Renders a kustomization and addresses what comes of it.
pub(super) async fn render(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
    origin: &Origin,
) -> Result<Wanted, PassError> {
    let variables = variables(ctx, configuration, kustomization).await?;
    wanted(ctx, configuration, kustomization, origin, variables).await
}

async fn wanted(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
    origin: &Origin,
    from_cluster: BTreeMap<String, String>,
) -> Result<Wanted, PassError> {
    let mut variables = from_cluster.clone();
    variables.extend(kustomization.substitute.clone());
    let path = kustomization.path.trim_start_matches("./").trim_matches('/').to_owned();
    let (manifests, closure) = origin.manifests(ctx, path, variables).await?;
    let mut prepared = prepare(&ctx.cluster.discovery, configuration, manifests).await?;
    prepared.served.extend(origin.also_watched());
    Ok(Wanted { prepared, closure, variables: from_cluster })
}

/// The variables that ConfigMaps and Secrets of the configuration's namespace give; later ones win.
async fn variables(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
) -> Result<BTreeMap<String, String>, PassError> {
    let namespace = &configuration.id.namespace;
    let mut variables = BTreeMap::new();
    for from in &kustomization.substitute_from {
        match ctx.cluster.variables(namespace, &from.kind, &from.name).await? {
            Some(found) => variables.extend(found),
            None if from.optional => {}
            None => {
                return Err(PassError::Variables {
                    kind: from.kind.clone(),
                    namespace: namespace.clone(),
                    name: from.name.clone(),
                });
            }
        }
    }
    Ok(variables)
}
