//! Why a kustomization did not go through.
use crate::{cluster::ClusterError, plan::PlanError, render::RenderError};

/// Why a kustomization did not go through.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// It cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Carrying it out would be dangerous.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The API server refused or did not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A ConfigMap or Secret with variables is missing.
    #[error("variables from {kind} {namespace}/{name} are not there; create it or mark it optional")]
    Variables {
        /// `ConfigMap` or `Secret`.
        kind: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The work was ended.
    #[error("the work was ended")]
    Ended,
}

impl PassError {
    /// The condition's reason, and the metric's label: a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Render(error) => error.reason(),
            Self::Plan(PlanError::EmptyRender { .. }) => "PruneGuard",
            Self::Cluster(error) => error.reason(),
            Self::Variables { .. } => "VariablesMissing",
            Self::Ended => "Cancelled",
        }
    }

    /// Whether trying again can help when nothing else has changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Render(_) | Self::Plan(_) => false,
            Self::Cluster(error) => error.is_transient(),
            Self::Variables { .. } | Self::Ended => true,
        }
    }
}
