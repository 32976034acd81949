//! Which fields the transformers change: the defaults, and what `configurations` add to them.
//!
//! What a base adds holds for its overlays too; what an overlay adds does not hold for its bases.
use crate::render::{
    kustomization::LabelsField,
    object::fieldspec::{self, Spec},
    transform::{
        self,
        reference::{self, Rule},
        vars,
    },
};
use serde::Deserialize;
use std::sync::{Arc, LazyLock};

/// The fields that each transformer changes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct Configuration {
    pub(in crate::render) name_prefix: Vec<Spec>,
    pub(in crate::render) name_suffix: Vec<Spec>,
    pub(in crate::render) namespace: Vec<Spec>,
    pub(in crate::render) common_labels: Vec<Spec>,
    pub(in crate::render) labels: Vec<Spec>,
    pub(in crate::render) template_labels: Vec<Spec>,
    pub(in crate::render) common_annotations: Vec<Spec>,
    pub(in crate::render) name_reference: Vec<Rule>,
    pub(in crate::render) var_reference: Vec<Spec>,
    pub(in crate::render) images: Vec<Spec>,
    pub(in crate::render) replicas: Vec<Spec>,
}

static DEFAULTS: LazyLock<Arc<Configuration>> = LazyLock::new(|| {
    Arc::new(Configuration {
        name_prefix: transform::name::defaults(),
        name_suffix: transform::name::defaults(),
        namespace: transform::namespace::defaults(),
        common_labels: transform::labels::defaults(),
        labels: Vec::new(),
        template_labels: transform::labels::template_defaults(),
        common_annotations: transform::annotations::defaults(),
        name_reference: reference::defaults(),
        var_reference: vars::defaults(),
        images: transform::images::defaults(),
        replicas: transform::replicas::defaults(),
    })
});

impl Configuration {
    /// The configuration of a kustomization that adds nothing.
    pub(in crate::render) fn defaults() -> Arc<Self> {
        DEFAULTS.clone()
    }

    /// Where the labels of one entry of `labels` go.
    ///
    /// # Errors
    /// When what the entry names contradicts what is configured.
    pub(in crate::render) fn of_labels(&self, entry: &LabelsField) -> Result<Vec<Spec>, String> {
        let mut specs = entry.field_specs.clone();
        fieldspec::merge(&mut specs, self.labels.iter().cloned())?;
        if entry.include_selectors {
            fieldspec::merge(&mut specs, self.common_labels.iter().cloned())?;
            return Ok(specs);
        }
        if entry.include_templates {
            fieldspec::merge(&mut specs, self.template_labels.iter().cloned())?;
        }
        fieldspec::merge(&mut specs, [transform::labels::OF_OBJECT.into()])?;
        Ok(specs)
    }

    /// Adds the configuration of a base.
    ///
    /// # Errors
    /// When the two contradict each other.
    pub(in crate::render) fn merge_shared(shared: &mut Arc<Self>, other: &Arc<Self>) -> Result<(), String> {
        if Arc::ptr_eq(shared, other) || Arc::ptr_eq(other, &DEFAULTS) {
            return Ok(());
        }
        if Arc::ptr_eq(shared, &DEFAULTS) {
            *shared = Arc::clone(other);
            return Ok(());
        }
        Arc::make_mut(shared).merge(Self::clone(other))
    }

    /// Adds another.
    ///
    /// # Errors
    /// When the two contradict each other.
    pub(in crate::render) fn merge(&mut self, other: Self) -> Result<(), String> {
        let pairs = [
            ("namePrefix", &mut self.name_prefix, other.name_prefix),
            ("nameSuffix", &mut self.name_suffix, other.name_suffix),
            ("namespace", &mut self.namespace, other.namespace),
            ("commonLabels", &mut self.common_labels, other.common_labels),
            ("labels", &mut self.labels, other.labels),
            ("templateLabels", &mut self.template_labels, other.template_labels),
            ("commonAnnotations", &mut self.common_annotations, other.common_annotations),
            ("varReference", &mut self.var_reference, other.var_reference),
            ("images", &mut self.images, other.images),
            ("replicas", &mut self.replicas, other.replicas),
        ];
        for (name, specs, added) in pairs {
            fieldspec::merge(specs, added).map_err(|message| format!("{name}: {message}"))?;
        }
        reference::merge(&mut self.name_reference, other.name_reference)
            .map_err(|message| format!("nameReference: {message}"))
    }
}
