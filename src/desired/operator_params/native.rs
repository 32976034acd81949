//! What the arguments mean to engine `native`, which needs no operator.
use super::{
    Written, directory,
    flags::{self, Kind},
    go_duration, read,
};
use std::time::Duration;

/// What `operatorParams` says.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::desired) struct OperatorParams {
    pub(in crate::desired) branch: String,
    /// Directories, in order, as written; empty for the root alone.
    pub(in crate::desired) paths: Vec<String>,
    pub(in crate::desired) poll_interval: Duration,
    pub(in crate::desired) sync_interval: Duration,
    /// Longest time for one fetch.
    pub(in crate::desired) timeout: Option<Duration>,
    /// Longest time for one apply.
    pub(in crate::desired) sync_timeout: Option<Duration>,
    pub(in crate::desired) garbage_collection: bool,
    /// What has no meaning here, and why: to be said to the user.
    pub(in crate::desired) ignored: Vec<(String, String)>,
    /// What cannot be honoured, and must not be passed over.
    pub(in crate::desired) errors: Vec<String>,
}

impl Default for OperatorParams {
    fn default() -> Self {
        let five_minutes = Duration::from_secs(300);
        Self {
            branch: "master".to_owned(),
            paths: Vec::new(),
            poll_interval: five_minutes,
            sync_interval: five_minutes,
            timeout: None,
            sync_timeout: None,
            garbage_collection: false,
            ignored: Vec::new(),
            errors: Vec::new(),
        }
    }
}

/// Reads the arguments. Total: what it cannot read is in `errors`.
pub(in crate::desired) fn parse(text: &str) -> OperatorParams {
    let (all, errors) = read(text);
    let mut params = OperatorParams { errors, ..OperatorParams::default() };
    for argument in all {
        params.take(argument);
    }
    params
}

impl OperatorParams {
    fn take(&mut self, argument: Written) {
        let is_on = argument.is_on();
        let name = argument.name.as_str();
        match (name, argument.value) {
            ("git-branch", Some(branch)) => self.branch = branch,
            ("git-path", Some(list)) => self.take_paths(&list),
            ("git-poll-interval", Some(text)) => self.poll_interval = self.duration(name, &text, self.poll_interval),
            ("sync-interval", Some(text)) => self.sync_interval = self.duration(name, &text, self.sync_interval),
            ("git-timeout", Some(text)) => self.timeout = Some(self.duration(name, &text, self.poll_interval)),
            ("sync-timeout", Some(text)) => self.sync_timeout = Some(self.duration(name, &text, self.sync_interval)),
            ("sync-garbage-collection", _) => self.garbage_collection = is_on,
            // What they ask for is so without them.
            ("git-readonly" | "disable-registry-scanning" | "registry-disable-scanning", _) if is_on => {}
            (name, value) => {
                if is_on && let Some(why) = not_honoured(name, value.as_deref()) {
                    self.errors.push(format!("--{name}: {why}"));
                } else if is_on || flags::kind(name) != Some(Kind::Switch) {
                    self.ignored.push((format!("--{name}"), without_meaning(name)));
                }
            }
        }
    }

    fn take_paths(&mut self, list: &str) {
        for path in list.split(',').map(directory) {
            // The same directory twice would be two owners of the same objects.
            if !self.paths.contains(&path) {
                self.paths.push(path);
            }
        }
    }

    fn duration(&mut self, name: &str, text: &str, fallback: Duration) -> Duration {
        go_duration(text).unwrap_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            self.errors.push(format!("--{name}: {shown:?} is not a duration such as 90s, 5m or 1h30m"));
            fallback
        })
    }
}

/// Why an argument that limits or guards something cannot be passed over; nothing for the others.
fn not_honoured(name: &str, value: Option<&str>) -> Option<&'static str> {
    match name {
        "git-verify-signatures" => Some("signatures are not verified by engine native"),
        "git-verify-signatures-mode" if value != Some("none") => Some("signatures are not verified by engine native"),
        "sync-garbage-collection-dry" => Some("`arcwright plan` shows what would be pruned; leave it out"),
        "k8s-allow-namespace" | "k8s-namespace-whitelist" => {
            Some("use operatorScope: namespace, which limits the configuration to its own")
        }
        "k8s-default-namespace" => Some("state the namespace in the manifests, or in a kustomization.yaml"),
        "k8s-unsafe-exclude-resource" => Some("no kind is left out by engine native; take it out of the repository"),
        "sops" | "git-secret" => Some("encrypted manifests are not decrypted by engine native"),
        _ => None,
    }
}

/// Why an argument changes nothing.
fn without_meaning(name: &str) -> String {
    match name {
        "git-label"
        | "git-user"
        | "git-email"
        | "git-notes-ref"
        | "git-sync-tag"
        | "git-ci-skip"
        | "git-ci-skip-message"
        | "git-set-author"
        | "git-signing-key"
        | "git-readonly"
        | "sync-state" => "nothing is ever written to the repository".to_owned(),
        "git-url" => "the address is what repositoryUrl says".to_owned(),
        "manifest-generation" => "a kustomization.yaml is always built, .flux.yaml is not run".to_owned(),
        "disable-registry-scanning" | "registry-disable-scanning" => "image registries are never scanned".to_owned(),
        name if flags::kind(name).is_some() => "has no meaning for engine native".to_owned(),
        name => match flags::nearest(name) {
            Some(near) => format!("not a known argument; did you mean --{near}?"),
            None => "not a known argument".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(text: &str) -> Vec<String> {
        parse(text).ignored.into_iter().map(|(argument, why)| format!("{argument}: {why}")).collect()
    }

    #[test]
    fn reads_what_the_documentation_shows() {
        let params = parse(
            "--git-readonly --git-path=releases/a,releases/b --git-branch main --git-poll-interval=1m30s --sync-garbage-collection",
        );
        assert_eq!(params.branch, "main");
        assert_eq!(params.paths, ["releases/a", "releases/b"]);
        assert_eq!(params.poll_interval, Duration::from_secs(90));
        assert!(params.garbage_collection);
        assert_eq!((params.ignored, params.errors), (Vec::new(), Vec::new()));
        assert_eq!(parse("\"--disable-registry-scanning\""), OperatorParams::default());
        assert_eq!(parse("  "), OperatorParams::default());
        assert_eq!(parse("'--git-path=a, ./b/,/c/,b' ").paths, ["a", "b", "c"]);
        assert!(!parse("--sync-garbage-collection=false").garbage_collection);
        assert_eq!(parse("--sync-timeout=2m").sync_timeout, Some(Duration::from_secs(120)));
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(ignored("--git-brnch=x"), ["--git-brnch: not a known argument; did you mean --git-branch?"]);
        assert_eq!(parse("--git-poll-interval=soon").errors.len(), 1);
        assert_eq!(parse("--git-branch").errors, ["--git-branch needs a value"]);
        assert_eq!(parse("'--git-branch").errors, ["a quote is not closed"]);
        assert_eq!(parse("--git-path=a, b").errors, ["\"b\" is not an argument that begins with --"]);
        assert_eq!(ignored("--git-label=x"), ["--git-label: nothing is ever written to the repository"]);
    }

    #[test]
    fn an_argument_that_limits_or_guards_something_is_not_passed_over() {
        for text in [
            "--sync-garbage-collection --sync-garbage-collection-dry",
            "--k8s-allow-namespace=shop",
            "--k8s-default-namespace shop",
            "--git-verify-signatures",
            "--git-verify-signatures-mode=first-parent",
            "--sops",
        ] {
            assert_eq!(parse(text).errors.len(), 1, "{text}");
        }
        for text in ["--sops=false", "--git-verify-signatures=false", "--sync-garbage-collection-dry=false"] {
            assert_eq!(parse(text), OperatorParams::default(), "{text}");
        }
    }
}
