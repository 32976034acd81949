//! The arguments of a Flux v1 operator, as far as they have a meaning without one.
use super::check::near;
use std::time::Duration;

/// What `operatorParams` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OperatorParams {
    pub(super) branch: String,
    /// Directories, in order, as written; empty for the root alone.
    pub(super) paths: Vec<String>,
    pub(super) poll_interval: Duration,
    pub(super) sync_interval: Duration,
    /// Longest time for one fetch.
    pub(super) timeout: Option<Duration>,
    /// Longest time for one apply.
    pub(super) sync_timeout: Option<Duration>,
    pub(super) garbage_collection: bool,
    /// What has no meaning here, and why: to be said to the user.
    pub(super) ignored: Vec<(String, String)>,
    /// What cannot be honoured, and must not be passed over.
    pub(super) errors: Vec<String>,
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

/// Flags without a value.
///
/// Source: the daemon of Flux v1, release 1.25.
const SWITCHES: &[&str] = &[
    "connect",
    "disable-registry-scanning",
    "git-ci-skip",
    "git-readonly",
    "git-secret",
    "git-set-author",
    "git-verify-signatures",
    "k8s-in-cluster",
    "manifest-generation",
    "registry-disable-scanning",
    "registry-trace",
    "registry-use-labels",
    "sops",
    "sync-garbage-collection",
    "sync-garbage-collection-dry",
];
/// Flags with a value.
const VALUES: &[&str] = &[
    "automation-interval",
    "docker-config",
    "git-branch",
    "git-ci-skip-message",
    "git-email",
    "git-gpg-key-import",
    "git-label",
    "git-notes-ref",
    "git-path",
    "git-poll-interval",
    "git-signing-key",
    "git-sync-tag",
    "git-timeout",
    "git-url",
    "git-user",
    "git-verify-signatures-mode",
    "k8s-allow-namespace",
    "k8s-default-namespace",
    "k8s-secret-data-key",
    "k8s-secret-name",
    "k8s-secret-volume-mount-path",
    "k8s-unsafe-exclude-resource",
    "k8s-verbosity",
    "listen",
    "listen-metrics",
    "log-format",
    "memcached-hostname",
    "memcached-port",
    "memcached-service",
    "memcached-timeout",
    "registry-burst",
    "registry-ecr-exclude-id",
    "registry-ecr-include-id",
    "registry-ecr-region",
    "registry-exclude-image",
    "registry-include-image",
    "registry-insecure-host",
    "registry-poll-interval",
    "registry-require",
    "registry-rps",
    "ssh-keygen-bits",
    "ssh-keygen-dir",
    "ssh-keygen-format",
    "ssh-keygen-type",
    "sync-interval",
    "sync-state",
    "sync-timeout",
    "token",
];

/// Reads the arguments. Total: what it cannot read is in `errors`.
pub(super) fn parse(text: &str) -> OperatorParams {
    let mut params = OperatorParams::default();
    let Some(words) = split(text) else {
        params.errors.push("a quote is not closed".to_owned());
        return params;
    };
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--") else {
            let shown: String = word.chars().take(40).collect();
            params.errors.push(format!("{shown:?} is not an argument that begins with --"));
            continue;
        };
        let (name, mut value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        if value.is_none() && !SWITCHES.contains(&name) {
            value = words.next_if(|next| !next.starts_with("--"));
        }
        params.take(name, value);
    }
    params
}

impl OperatorParams {
    fn take(&mut self, name: &str, value: Option<String>) {
        let is_on = value.as_deref().is_none_or(|value| !["false", "0", "f"].contains(&value.to_lowercase().as_str()));
        match (name, value) {
            (name, None) if VALUES.contains(&name) => self.errors.push(format!("--{name} needs a value")),
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
                } else if is_on || VALUES.contains(&name) {
                    self.ignored.push((format!("--{name}"), without_meaning(name)));
                }
            }
        }
    }

    fn take_paths(&mut self, list: &str) {
        for path in list.split(',').map(str::trim) {
            let path = path.trim_start_matches("./").trim_matches('/').to_owned();
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
        "k8s-allow-namespace" => Some("use operatorScope: namespace, which limits the configuration to its own"),
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
        name if SWITCHES.contains(&name) || VALUES.contains(&name) => "has no meaning for engine native".to_owned(),
        name => match near(name, SWITCHES.iter().chain(VALUES)) {
            Some(near) => format!("not a known argument; did you mean --{near}?"),
            None => "not a known argument".to_owned(),
        },
    }
}

/// Words of a command line, with its quotes resolved; nothing when a quote is not closed.
fn split(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            Some(_) | None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// A duration as Go writes it, whole and not negative; 0 is no duration here.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += number
            * match &rest[..end] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" | "μs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[end..];
    }
    Duration::try_from_secs_f64(total).ok().filter(|duration| !duration.is_zero())
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

    #[test]
    fn reads_go_durations() {
        for (text, secs) in [("5m", 300.0), ("1h30m", 5400.0), ("1.5s", 1.5), ("250ms", 0.25)] {
            assert_eq!(go_duration(text), Some(Duration::from_secs_f64(secs)), "{text}");
        }
        for text in ["", "5", "m", "-5m", "5 m", "1..2s", "0s"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }
}
