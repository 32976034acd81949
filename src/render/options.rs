//! How to render.
use super::{cache::Cache, helm, remote, transform::order::Order};
use std::sync::Arc;

/// What becomes of the built-in types when a kustomization names an OpenAPI document of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaUse {
    /// They are forgotten, as by `kustomize build`.
    Replace,
    /// The document adds to them, as in Flux.
    Add,
}

/// How to render.
#[derive(Clone, Debug)]
pub struct Options {
    /// Order of the objects.
    pub order: Order,
    /// Whether files must be in or below the directory of the kustomization that names them.
    pub load_restriction: bool,
    /// Whether a directory without a kustomization is rendered as all the manifests below it.
    pub generate: bool,
    /// Whether each object gets the label `app.kubernetes.io/managed-by`.
    pub managed_by_label: bool,
    /// What an OpenAPI document of the kustomization's own does.
    pub schema: SchemaUse,
    /// Whether and how charts are rendered.
    pub helm: helm::Access,
    /// What renders keep for those after them.
    pub cache: Option<Arc<Cache>>,
    /// Who brings bases and files that are elsewhere; none: they are refused.
    pub remotes: Option<Arc<dyn remote::Remotes>>,
}

impl Options {
    /// What `kustomize build` does without flags.
    pub fn of_kustomize() -> Self {
        Self {
            order: Order::Legacy,
            load_restriction: true,
            generate: false,
            managed_by_label: false,
            schema: SchemaUse::Replace,
            helm: helm::Access::default(),
            cache: None,
            remotes: None,
        }
    }

    /// What Flux's kustomize-controller does.
    pub fn of_flux() -> Self {
        Self {
            order: Order::Fifo,
            load_restriction: false,
            generate: true,
            managed_by_label: false,
            schema: SchemaUse::Add,
            helm: helm::Access::default(),
            cache: None,
            remotes: None,
        }
    }
}
