//! What `helmOperatorProperties` becomes for a Helm operator that is installed without its chart.
use super::{
    flags::Kind,
    flux_v1::{shortened, unfit},
    split,
};
use crate::{
    api::HelmOperatorProperties,
    desired::check::near,
    model::{
        configuration::Scope,
        operator::{Argument, HelmOperator},
    },
};

/// Values of the chart that are arguments of the program: the value, the argument, and what it takes.
///
/// Source: the chart and the program, releases 1.0 to 1.4.
const ARGUMENTS: [(&str, &str, Kind); 15] = [
    ("allowNamespace", "allow-namespace", Kind::Text),
    ("chartsSyncInterval", "charts-sync-interval", Kind::Duration),
    ("convert.releaseStorage", "convert-release-storage", Kind::Choice(&["secrets", "configmaps"])),
    ("convert.tillerOutCluster", "convert-tiller-out-cluster", Kind::Choice(&["true", "false"])),
    ("git.defaultRef", "git-default-ref", Kind::Text),
    ("git.pollInterval", "git-poll-interval", Kind::Duration),
    ("git.timeout", "git-timeout", Kind::Duration),
    ("helm.versions", "enabled-helm-versions", Kind::List),
    ("logFormat", "log-format", Kind::Choice(&["fmt", "json"])),
    ("logReleaseDiffs", "log-release-diffs", Kind::Choice(&["true", "false"])),
    ("statusUpdateInterval", "status-update-interval", Kind::Duration),
    ("tillerHost", "tiller-ip", Kind::Text),
    ("tillerNamespace", "tiller-namespace", Kind::Text),
    ("updateChartDeps", "update-chart-deps", Kind::Choice(&["true", "false"])),
    ("workers", "workers", Kind::Integer),
];
/// Values of the chart that are not arguments.
const OTHERS: [&str; 7] = [
    "createCRD",
    "image.repository",
    "image.tag",
    "resources.limits.cpu",
    "resources.limits.memory",
    "resources.requests.cpu",
    "resources.requests.memory",
];
/// Releases of the program that convert nothing.
const WITHOUT_CONVERT: [&str; 3] = ["1.0.0", "1.0.1", "1.1.0"];
/// What is wrong with the properties: the field and why.
type Errors = Vec<(&'static str, String)>;

const VERSION: &str = "spec.helmOperatorProperties.chartVersion";
const VALUES: &str = "spec.helmOperatorProperties.chartValues";

/// Translates the properties of a Helm operator. Total: what cannot be done is among the errors.
pub(in crate::desired) fn helm_operator(
    properties: Option<&HelmOperatorProperties>,
    scope: Scope,
    errors: &mut Errors,
) -> HelmOperator {
    let mut operator = HelmOperator::default();
    let Some(HelmOperatorProperties { chart_version, chart_values }) = properties else { return operator };
    if let Some(version) = chart_version {
        match program_of(version) {
            Some(program) => operator.version = Some(program.to_owned()),
            None => errors
                .push((VERSION, format!("{:?} is not a release from 1.0.0 to 1.4.4, as in 1.4.4", shortened(version)))),
        }
    }
    let Some(pairs) = pairs(chart_values.as_deref().unwrap_or_default()) else {
        errors.push((VALUES, "must be name=value pairs as `helm --set` takes them".to_owned()));
        return operator;
    };
    for (name, value) in pairs {
        if let Err(why) = take(&mut operator, &name, value, scope) {
            errors.push((VALUES, format!("{}: {why}", shortened(&name))));
        }
    }
    let is_old = operator.version.as_deref().is_some_and(|version| WITHOUT_CONVERT.contains(&version));
    if is_old && operator.arguments.iter().any(|argument| argument.name.starts_with("convert-")) {
        errors.push((VALUES, "convert: is known from 1.2.0 on".to_owned()));
    }
    operator
}

/// The release of the program that a release of the chart installs.
fn program_of(chart: &str) -> Option<&str> {
    match chart {
        "1.0.2" => Some("1.0.1"),
        "1.0.0" | "1.0.1" | "1.1.0" | "1.2.0" | "1.3.0" | "1.4.0" | "1.4.1" | "1.4.2" | "1.4.3" | "1.4.4" => {
            Some(chart)
        }
        _ => None,
    }
}

fn take(operator: &mut HelmOperator, name: &str, value: String, scope: Scope) -> Result<(), String> {
    if let Some((_, flag, kind)) = ARGUMENTS.iter().find(|(known, ..)| *known == name) {
        if name == "allowNamespace" && scope == Scope::Namespace {
            return Err("operatorScope: namespace sets it to operatorNamespace".to_owned());
        }
        if let Some(why) = unfit(*kind, &value) {
            return Err(format!("{:?} is {why}", shortened(&value)));
        }
        if name == "helm.versions" && !value.split(',').all(|one| ["v2", "v3"].contains(&one)) {
            return Err("takes v2, v3 or both".to_owned());
        }
        operator.arguments.push(Argument::new(flag, value));
        return Ok(());
    }
    let is_one_word = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control());
    match name {
        // What it asks for is so without it.
        "createCRD" => {}
        _ if OTHERS.contains(&name) && !is_one_word => return Err("must be one word".to_owned()),
        "image.repository" => operator.repository = Some(value),
        "image.tag" => operator.version = Some(value),
        _ => match (name.strip_prefix("resources.requests."), name.strip_prefix("resources.limits.")) {
            (Some(resource @ ("cpu" | "memory")), _) => drop(operator.requests.insert(resource.to_owned(), value)),
            (_, Some(resource @ ("cpu" | "memory"))) => drop(operator.limits.insert(resource.to_owned(), value)),
            _ => return Err(unknown(name)),
        },
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let known = ARGUMENTS.iter().map(|(known, ..)| *known).chain(OTHERS);
    let near = near(name, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    format!("is not a value that is installed without the chart{near}")
}

/// The pairs of a command line of `--set`; none when it is not one.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for word in split(text)? {
        let word = ["--set-string", "--set"].into_iter().find_map(|set| word.strip_prefix(set)).unwrap_or(&word);
        let word = word.strip_prefix('=').unwrap_or(word);
        for pair in at_commas(word).into_iter().filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let value = value.strip_prefix('{').and_then(|list| list.strip_suffix('}')).unwrap_or(value);
            pairs.push((name.to_owned(), value.to_owned()));
        }
    }
    Some(pairs)
}

/// Splits at commas that are neither in braces nor after a backslash, which goes.
fn at_commas(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut is_escaped) = (vec![String::new()], 0_usize, false);
    for c in text.chars() {
        let last = parts.len() - 1;
        match c {
            _ if is_escaped => {
                is_escaped = false;
                parts[last].push(c);
            }
            '\\' => is_escaped = true,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                match c {
                    '{' => depth += 1,
                    '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                parts[last].push(c);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(version: Option<&str>, values: &str, scope: Scope) -> (HelmOperator, Vec<String>) {
        let properties =
            HelmOperatorProperties { chart_version: version.map(str::to_owned), chart_values: Some(values.to_owned()) };
        let mut errors = Vec::new();
        let operator = helm_operator(Some(&properties), scope, &mut errors);
        (operator, errors.into_iter().map(|(_, why)| why).collect())
    }

    fn arguments(values: &str) -> String {
        let (operator, errors) = translated(None, values, Scope::Cluster);
        assert_eq!(errors, Vec::<String>::new(), "{values}");
        operator.arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn values_are_written_as_helm_takes_them() {
        assert_eq!(arguments("--set helm.versions=v3"), "--enabled-helm-versions=v3");
        assert_eq!(
            arguments("--set=helm.versions=v3 --set-string workers=2"),
            "--enabled-helm-versions=v3 --workers=2"
        );
        assert_eq!(arguments(r"helm.versions=v2\,v3,workers=2"), "--enabled-helm-versions=v2,v3 --workers=2");
        assert_eq!(
            arguments("helm.versions={v2,v3},git.pollInterval=1m"),
            "--enabled-helm-versions=v2,v3 --git-poll-interval=1m"
        );
        assert_eq!(arguments("--set createCRD=true"), "");
    }

    #[test]
    fn image_and_resources_are_no_arguments() {
        let (operator, errors) = translated(
            Some("1.0.2"),
            "image.repository=registry.example.org/helm-operator,resources.limits.memory=2Gi",
            Scope::Cluster,
        );
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(operator.version.as_deref(), Some("1.0.1"));
        assert_eq!(operator.repository.as_deref(), Some("registry.example.org/helm-operator"));
        assert_eq!(operator.limits["memory"], "2Gi");
    }

    #[test]
    fn what_cannot_be_done_without_the_chart_is_refused() {
        for (version, values, says) in [
            (Some("0.6.0"), "", "\"0.6.0\" is not a release from 1.0.0 to 1.4.4, as in 1.4.4"),
            (
                None,
                "helm.version=v3",
                "helm.version: is not a value that is installed without the chart; did you mean helm.versions?",
            ),
            (None, "helm.versions=v4", "helm.versions: takes v2, v3 or both"),
            (None, "workers=many", "workers: \"many\" is not a whole number"),
            (Some("1.1.0"), "convert.releaseStorage=secrets", "convert: is known from 1.2.0 on"),
            (None, "image.tag=", "image.tag: must be one word"),
            (None, "workers", "must be name=value pairs as `helm --set` takes them"),
            (None, "'workers=1", "must be name=value pairs as `helm --set` takes them"),
        ] {
            assert_eq!(translated(version, values, Scope::Cluster).1, [says], "{values}");
        }
        assert_eq!(translated(None, "allowNamespace=a", Scope::Namespace).1.len(), 1);
    }
}
