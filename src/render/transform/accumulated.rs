//! What a directory comes to: its resources, and what is still to be done with them.
use crate::render::{
    error::RenderError,
    kustomization::SortOptions,
    object::resource::{Previous, Resource},
    transform::{
        configuration::Configuration,
        vars::{self, Var},
    },
};
use std::{collections::HashSet, sync::Arc};

/// What a directory comes to before the last steps.
#[derive(Clone)]
pub(in crate::render) struct Accumulated {
    pub(in crate::render) resources: Vec<Resource>,
    /// Which fields the transformers change: the defaults, and what kustomizations on the way up added.
    pub(in crate::render) configuration: Arc<Configuration>,
    pub(in crate::render) vars: Vec<Var>,
    /// The order that the top kustomization asks for, and the file that does so.
    pub(in crate::render) order: Option<(String, SortOptions)>,
    /// What is there.
    ids: HashSet<Id>,
}

/// What tells two resources apart: API version, kind, name, effective namespace.
type Id = (String, Previous);

impl Accumulated {
    /// Nothing.
    pub(in crate::render) fn new() -> Self {
        Self {
            resources: Vec::new(),
            configuration: Configuration::defaults(),
            vars: Vec::new(),
            order: None,
            ids: HashSet::new(),
        }
    }

    /// The same, to be kept.
    pub(in crate::render) fn kept(&self) -> Self {
        Self { ids: HashSet::new(), ..self.clone() }
    }

    /// Adds what a base came to.
    ///
    /// # Errors
    /// When something is there already, or contradicts what is.
    pub(in crate::render) fn absorb(&mut self, base: Self, file: &str) -> Result<(), RenderError> {
        self.append(base.resources, file)?;
        Configuration::merge_shared(&mut self.configuration, &base.configuration)
            .map_err(|message| RenderError::field(file, "configurations", message))?;
        vars::merge(&mut self.vars, base.vars)
    }

    /// Takes note of what is there, after something changed it.
    pub(in crate::render) fn index(&mut self) {
        self.ids = self.resources.iter().map(id).collect();
    }

    /// Adds resources.
    ///
    /// # Errors
    /// When one is there already.
    pub(in crate::render) fn append(&mut self, resources: Vec<Resource>, file: &str) -> Result<(), RenderError> {
        for resource in resources {
            if !self.ids.insert(id(&resource)) {
                let twin = self.resources.iter().find(|other| id(other) == id(&resource));
                let from = twin.map_or("", |twin| &twin.origin);
                let message = format!("{} of {} is there already, from {from}", resource.shown(), resource.origin);
                return Err(RenderError::Manifest { file: file.to_owned(), message });
            }
            self.resources.push(resource);
        }
        Ok(())
    }
}

fn id(resource: &Resource) -> Id {
    (resource.api_version().to_owned(), resource.current())
}
