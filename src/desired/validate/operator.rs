//! A `SourceControlConfiguration` whose work a Flux v1 operator does.
use super::{
    super::{Problem, operator_params},
    drift, scope, seconds,
    work::{Ignored, PARAMS, Work, check_places},
};
use crate::{
    api::SourceControlConfigurationSpec,
    model::{
        configuration::{DriftPolicy, Engine, Kustomization, Scope},
        operator::{HelmOperator, OPERATOR, Operator},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Time between looks at what the operator is made of: its Secrets by reference above all.
pub(super) const INTERVAL: Duration = Duration::from_secs(300);
/// Longest time for the operator to come up.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Checks what is the operator's own.
pub(super) fn work(name: &str, spec: &SourceControlConfigurationSpec, problems: &mut Vec<Problem>) -> Work {
    let scope = scope(spec.operator_scope);
    let params = operator_params::translate(spec.operator_params.as_deref().unwrap_or_default(), scope);
    problems.extend(params.errors.into_iter().map(|error| Problem::new(PARAMS, error)));
    check_places(&params.branch, &params.paths, problems);
    let operator = Operator {
        instance: spec.operator_instance_name.clone().unwrap_or_else(|| name.to_owned()),
        paths: params.paths,
        arguments: params.arguments,
        helm: helm(spec, scope, problems),
    };
    Work {
        engine: Engine::FluxV1(Box::new(operator)),
        branch: params.branch,
        timeout: seconds(None),
        interval: INTERVAL,
        kustomizations: vec![own(drift(spec.drift))],
        ignored: ignored(spec),
    }
}

fn helm(spec: &SourceControlConfigurationSpec, scope: Scope, problems: &mut Vec<Problem>) -> Option<HelmOperator> {
    let mut errors = Vec::new();
    let helm = operator_params::helm_operator(spec.helm_operator_properties.as_ref(), scope, &mut errors);
    problems.extend(errors.into_iter().map(|(field, error)| Problem::new(field, error)));
    spec.enable_helm_operator.unwrap_or(false).then_some(helm)
}

/// An operator's own objects, as a kustomization.
pub(super) fn own(drift: DriftPolicy) -> Kustomization {
    Kustomization {
        name: OPERATOR.to_owned(),
        path: String::new(),
        depends_on: Vec::new(),
        timeout: TIMEOUT,
        interval: INTERVAL,
        retry_interval: None,
        prune: true,
        force: true,
        wait: true,
        allow_empty: false,
        drift,
        substitute: BTreeMap::new(),
        substitute_from: Vec::new(),
    }
}

fn ignored(spec: &SourceControlConfigurationSpec) -> Vec<Ignored> {
    let is_idle_helm = !spec.enable_helm_operator.unwrap_or(false) && spec.helm_operator_properties.is_some();
    let of_helm = is_idle_helm.then_some(("spec.helmOperatorProperties", "enableHelmOperator is not true"));
    let of_empty = spec.allow_empty.map(|_| ("spec.allowEmpty", "the operator decides that by itself"));
    let of_account = spec
        .service_account_name
        .as_ref()
        .map(|_| ("spec.serviceAccountName", "the operator has an account of its own"));
    let all = of_helm.into_iter().chain(of_empty).chain(of_account);
    all.map(|(field, why)| Ignored { field, argument: None, why: why.to_owned() }).collect()
}
