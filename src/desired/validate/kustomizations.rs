//! The kustomizations of a `FluxConfiguration`.
use super::{super::Problem, drift, names, seconds};
use crate::{
    api::{self, FluxConfigurationSpec, KustomizationSpec, PostBuild},
    model::configuration::{Kustomization, SubstituteFrom},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Most characters of a configuration's name and a kustomization's together.
const MAX_TOGETHER: usize = 62;

/// Checks the kustomizations; without any, there is one of the root. Sorted by name.
pub(super) fn kustomizations(
    name: &str,
    spec: &FluxConfigurationSpec,
    problems: &mut Vec<Problem>,
) -> Vec<Kustomization> {
    let mut stated = spec.kustomizations.clone().unwrap_or_default();
    if stated.is_empty() {
        stated.insert("kustomization-1".to_owned(), KustomizationSpec::default());
    }
    for (key, one) in &stated {
        check(name, key, one, &stated, problems);
    }
    for cycle in cycles(&stated) {
        problems.push(Problem::new(
            format!("spec.kustomizations.{}.dependsOn", cycle[0]),
            format!("is a circle: {}", cycle.join(" -> ")),
        ));
    }
    stated.into_iter().map(|(key, one)| kustomization(key, one, spec.drift)).collect()
}

fn check(
    configuration: &str,
    key: &str,
    one: &KustomizationSpec,
    all: &BTreeMap<String, KustomizationSpec>,
    problems: &mut Vec<Problem>,
) {
    let field = format!("spec.kustomizations.{key}");
    names::subdomain(&field, key, 63, problems);
    let together = configuration.len() + key.len();
    if together > MAX_TOGETHER {
        problems.push(
            Problem::new(
                &field,
                format!("{key} and the configuration's name have {together} characters together, and may have {MAX_TOGETHER}"),
            )
            .hint("shorten one of them"),
        );
    }
    if one.name.as_deref().is_some_and(|name| name != key) {
        problems.push(Problem::new(format!("{field}.name"), format!("must be {key}, its key")).hint("leave it out"));
    }
    names::directory(&format!("{field}.path"), one.path.as_deref().unwrap_or_default(), problems);
    let depends_on = one.depends_on.as_deref().unwrap_or_default();
    for (index, other) in depends_on.iter().enumerate() {
        let at = format!("{field}.dependsOn[{index}]");
        if depends_on[..index].contains(other) {
            problems.push(Problem::new(at, format!("names {other} again")).warning());
        } else if !all.contains_key(other) {
            let names = all.keys().filter(|name| *name != key).cloned().collect::<Vec<_>>();
            let hint = if names.is_empty() {
                "there is no other".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            };
            problems.push(Problem::new(at, format!("there is no kustomization {other:?}")).hint(hint));
        }
    }
    if let Some(build) = &one.post_build {
        check_variables(&format!("{field}.postBuild"), build, problems);
    }
}

fn check_variables(field: &str, build: &PostBuild, problems: &mut Vec<Problem>) {
    for variable in build.substitute.iter().flat_map(BTreeMap::keys).filter(|name| !names::is_variable(name)) {
        problems.push(Problem::new(
            format!("{field}.substitute.{variable}"),
            "is not a variable name: letters, digits and _, no digit first",
        ));
    }
    for (index, from) in build.substitute_from.iter().flatten().enumerate() {
        names::subdomain(&format!("{field}.substituteFrom[{index}].name"), &from.name, 253, problems);
    }
}

fn kustomization(name: String, one: KustomizationSpec, drift_of_all: Option<api::Drift>) -> Kustomization {
    let build = one.post_build.unwrap_or_default();
    Kustomization {
        name,
        path: one.path.unwrap_or_default(),
        depends_on: one.depends_on.unwrap_or_default(),
        timeout: seconds(one.timeout_in_seconds),
        interval: seconds(one.sync_interval_in_seconds),
        retry_interval: one.retry_interval_in_seconds.map(|value| Duration::from_secs(u64::from(value))),
        prune: one.prune.unwrap_or(false),
        force: one.force.unwrap_or(false),
        wait: one.wait.unwrap_or(true),
        allow_empty: one.allow_empty.unwrap_or(false),
        drift: drift(one.drift.or(drift_of_all)),
        substitute: build.substitute.unwrap_or_default(),
        substitute_from: build.substitute_from.into_iter().flatten().map(substitute_from).collect(),
    }
}

fn substitute_from(from: api::SubstituteFromSpec) -> SubstituteFrom {
    let kind = match from.kind {
        api::SubstituteKind::ConfigMap => "ConfigMap",
        api::SubstituteKind::Secret => "Secret",
    };
    SubstituteFrom { kind: kind.to_owned(), name: from.name, optional: from.optional.unwrap_or(false) }
}

/// Every circle of dependencies that shares no kustomization with one before it, each from its first name back to it.
fn cycles(all: &BTreeMap<String, KustomizationSpec>) -> Vec<Vec<String>> {
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for start in all.keys() {
        let mut path: Vec<&str> = Vec::new();
        if !done.contains(start.as_str()) {
            follow(all, start, &mut path, &mut done, &mut found);
        }
    }
    found
}

fn follow<'a>(
    all: &'a BTreeMap<String, KustomizationSpec>,
    start: &'a str,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
    found: &mut Vec<Vec<String>>,
) {
    // A walk by hand: a chain of dependencies can be as long as a state file.
    let next = |name: &str| all.get(name).and_then(|one| one.depends_on.as_deref()).unwrap_or_default().iter();
    let mut walks = vec![next(start)];
    path.push(start);
    while let Some(walk) = walks.last_mut() {
        match walk.next() {
            Some(name) if done.contains(name.as_str()) || !all.contains_key(name) => {}
            Some(name) => {
                if let Some(at) = path.iter().position(|other| *other == name) {
                    let mut circle: Vec<String> = path[at..].iter().map(|name| (*name).to_owned()).collect();
                    circle.push(name.clone());
                    found.push(circle);
                } else {
                    path.push(name);
                    walks.push(next(name));
                }
            }
            None => {
                walks.pop();
                done.extend(path.pop());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(dependencies: &[(&str, &[&str])]) -> Vec<String> {
        let all = dependencies
            .iter()
            .map(|(name, depends_on)| {
                let depends_on = Some(depends_on.iter().map(|name| (*name).to_owned()).collect());
                ((*name).to_owned(), KustomizationSpec { depends_on, ..KustomizationSpec::default() })
            })
            .collect();
        cycles(&all).into_iter().map(|circle| circle.join(" -> ")).collect()
    }

    #[test]
    fn circles_are_found_and_named() {
        assert_eq!(circles(&[("a", &["b"]), ("b", &["c"]), ("c", &[])]), Vec::<String>::new());
        assert_eq!(circles(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])]), Vec::<String>::new());
        assert_eq!(circles(&[("a", &["a"])]), ["a -> a"]);
        assert_eq!(circles(&[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a"])]), ["a -> b -> c -> a"]);
        assert_eq!(circles(&[("a", &["b"]), ("b", &["a"]), ("c", &["c"])]), ["a -> b -> a", "c -> c"]);
        assert_eq!(circles(&[("a", &["gone"])]), Vec::<String>::new());
    }

    #[test]
    fn a_long_chain_is_walked() {
        let names: Vec<String> = (0..20_000).map(|number| format!("k{number:05}")).collect();
        let chain: Vec<(&str, Vec<&str>)> = names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), names.get(at + 1).map(String::as_str).into_iter().collect()))
            .collect();
        let chain: Vec<(&str, &[&str])> = chain.iter().map(|(name, next)| (*name, next.as_slice())).collect();
        assert_eq!(circles(&chain), Vec::<String>::new());
    }
}
