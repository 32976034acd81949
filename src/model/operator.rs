//! An operator that is installed for one configuration, as far as the configuration decides about it.
use std::{collections::BTreeMap, fmt};

/// Name of the one kustomization of a configuration whose work an operator does: the operator's own objects.
///
/// No kustomization that a user names can have it.
pub const OPERATOR: &str = "_operator";

/// A Flux v1 operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Name of the instance, and of its Deployment; a DNS-1123 label of at most 23 characters.
    pub instance: String,
    /// Directories of the repository, in order; empty for the root alone.
    pub paths: Vec<String>,
    /// Further arguments, in order; none that names the repository, its branch, or what the installation decides.
    pub arguments: Vec<Argument>,
    /// The Helm operator beside it.
    pub helm: Option<HelmOperator>,
}

impl Operator {
    /// Whether a switch is among the arguments, and on. Of several, the last counts.
    pub fn has_switch(&self, name: &str) -> bool {
        let last = self.arguments.iter().rfind(|argument| argument.name == name);
        last.is_some_and(|argument| argument.value.as_deref() != Some("false"))
    }
}

/// One argument of a program: `--name` or `--name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Without the dashes.
    pub name: String,
    /// None for a switch that is on.
    pub value: Option<String>,
}

impl Argument {
    /// An argument with a value.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: Some(value.into()) }
    }

    /// A switch that is on.
    pub fn switch(name: &str) -> Self {
        Self { name: name.to_owned(), value: None }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "--{}={value}", self.name),
            None => write!(f, "--{}", self.name),
        }
    }
}

/// A Helm operator of the Flux v1 generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelmOperator {
    /// Version of the program, as in `1.4.4`; that of the default image when absent.
    pub version: Option<String>,
    /// Its image without a tag, where the configuration names one.
    pub repository: Option<String>,
    /// Its arguments, in order.
    pub arguments: Vec<Argument>,
    /// Resource requests, by `cpu` and `memory`, that replace the default.
    pub requests: BTreeMap<String, String>,
    /// Resource limits, by `cpu` and `memory`, that replace the default.
    pub limits: BTreeMap<String, String>,
}
