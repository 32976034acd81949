//! What a directory of an artifact comes to.
use super::{
    Context, PassError,
    artifact_tree::{ArtifactTree, Closure},
};
use crate::{model::Manifest, render, source::Artifact};
use std::collections::BTreeMap;

/// Renders a directory of an artifact, off the async threads, with its variables filled in.
pub(super) async fn rendered(
    ctx: &Context,
    artifact: Artifact,
    path: String,
    variables: BTreeMap<String, String>,
) -> Result<(Vec<Manifest>, Closure), PassError> {
    let _slot = ctx.renders.acquire().await.ok().ok_or_else(|| PassError::Ended)?;
    let cache = ctx.rendered.clone();
    let work = tokio::task::spawn_blocking(move || {
        let tree = ArtifactTree::new(&artifact);
        let options = render::Options { cache: Some(cache), ..render::Options::of_flux() };
        let mut manifests = render::build(&tree, &path, &options)?;
        if !variables.is_empty() {
            let filled = manifests.into_iter().map(|manifest| render::substitute(manifest, &variables));
            manifests = filled.collect::<Result<_, _>>()?;
        }
        Ok::<_, render::RenderError>((manifests, tree.into_closure()))
    });
    Ok(work.await.ok().ok_or_else(|| PassError::Ended)??)
}
