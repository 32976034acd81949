//! Where a kustomization stands: among others, and in its tree.
use crate::render::{
    error::Place,
    kustomization::Kustomization,
    load::{Files, Loader},
    transform::provenance::Origin,
};

/// What may name a kustomization.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// The caller: any kind will do.
    ByCaller,
    /// `resources`: a Kustomization.
    AsBase,
    /// `components`: a Component.
    AsComponent,
}

/// A directory of a tree, by the tree's number.
pub(super) type Visited = (usize, String);

/// Where a kustomization stands among others.
pub(super) struct At<'a> {
    /// Reads the tree that it is in.
    pub(super) loader: &'a Loader<'a>,
    pub(super) directory: &'a str,
    pub(super) named: Named,
    /// The directories of those that led here, outermost first.
    pub(super) above: &'a [Visited],
    /// Its directory, as it is told.
    pub(super) origin: Origin,
    /// The namespace that overlays give to charts.
    pub(super) chart_namespace: &'a str,
}

impl<'a> At<'a> {
    /// A kustomization that no other one names.
    pub(super) fn alone(loader: &'a Loader<'a>, directory: &'a str, named: Named, above: &'a [Visited]) -> Self {
        Self { loader, directory, named, above, origin: Origin::default(), chart_namespace: "" }
    }
}

/// A kustomization that is being accumulated.
pub(super) struct Target<'a> {
    pub(super) loader: &'a Loader<'a>,
    pub(super) directory: &'a str,
    pub(super) file: &'a str,
    pub(super) fields: &'a Kustomization,
    pub(super) above: &'a [Visited],
    pub(super) origin: &'a Origin,
    pub(super) chart_namespace: &'a str,
}

impl<'a> Target<'a> {
    /// One of its fields, for errors.
    pub(super) fn place(&self, field: &'a str) -> Place<'a> {
        Place { file: self.file, field }
    }

    /// The files that one of its fields names.
    pub(super) fn files(&self, field: &'a str) -> Files<'a> {
        Files { loader: self.loader, directory: self.directory, place: self.place(field) }
    }
}
