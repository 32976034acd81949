//! The rules that the types of a configuration cannot say.
//!
//! Source: the public ARM resources and the rules of their command line client.
mod flux;
mod flux_v2;
mod keys;
mod kustomizations;
mod names;
mod operator;
mod other_sources;
mod protected;
mod reference;
mod source_control;
mod texts;
mod transport;
mod work;

pub(super) use flux::flux;
pub(super) use source_control::source_control;

use super::Problem;
use crate::{
    api,
    model::configuration::{Configuration, DriftPolicy, Scope},
};
use std::time::Duration;

/// A configuration, and the values of the secrets that were resolved for it.
type Checked = (Configuration, Vec<String>);

/// Time for one fetch, or between two looks, when nothing is said.
const DEFAULT_SECONDS: u32 = 600;

fn scope(scope: Option<api::ScopeType>) -> Scope {
    match scope.unwrap_or_default() {
        api::ScopeType::Cluster => Scope::Cluster,
        api::ScopeType::Namespace => Scope::Namespace,
    }
}

fn service_account(name: Option<&String>, problems: &mut Vec<Problem>) -> Option<String> {
    if let Some(name) = name {
        names::subdomain("spec.serviceAccountName", name, 253, problems);
    }
    name.cloned()
}

fn drift(drift: Option<api::Drift>) -> DriftPolicy {
    match drift.unwrap_or_default() {
        api::Drift::Correct => DriftPolicy::Correct,
        api::Drift::Report => DriftPolicy::Report,
    }
}

/// The schema has bounded it.
fn seconds(value: Option<u32>) -> Duration {
    Duration::from_secs(u64::from(value.unwrap_or(DEFAULT_SECONDS)))
}
