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
    pub(super) timeout: Option<Duration>,
    pub(super) garbage_collection: bool,
    /// What has no meaning here, said to the user.
    pub(super) ignored: Vec<String>,
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
            garbage_collection: false,
            ignored: Vec::new(),
            errors: Vec::new(),
        }
    }
}

/// Flags without a value.
const SWITCHES: &[&str] = &[
    "git-readonly",
    "manifest-generation",
    "sync-garbage-collection",
    "sync-garbage-collection-dry",
    "disable-registry-scanning",
    "registry-disable-scanning",
    "git-verify-signatures",
    "git-gpg-key-import",
    "k8s-verbosity",
    "git-ci-skip",
];
const VALUES: &[&str] = &[
    "git-branch",
    "git-path",
    "git-poll-interval",
    "sync-interval",
    "sync-timeout",
    "git-timeout",
    "git-label",
    "git-user",
    "git-email",
    "git-url",
    "git-notes-ref",
    "git-sync-tag",
    "sync-state",
    "k8s-allow-namespace",
    "k8s-secret-name",
    "registry-poll-interval",
    "memcached-hostname",
    "log-format",
    "listen",
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
            params.errors.push(format!("{word} is not an argument that begins with --"));
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
        let on = value.as_deref().is_none_or(|value| value != "false");
        match (name, value) {
            ("git-branch", Some(branch)) => self.branch = branch,
            ("git-path", Some(list)) => self.paths.extend(list.split(',').map(str::trim).map(str::to_owned)),
            ("git-poll-interval", Some(text)) => self.poll_interval = self.duration(name, &text, self.poll_interval),
            ("sync-interval", Some(text)) => self.sync_interval = self.duration(name, &text, self.sync_interval),
            ("git-timeout", Some(text)) => self.timeout = Some(self.duration(name, &text, Duration::from_secs(600))),
            ("git-branch" | "git-path" | "git-poll-interval" | "sync-interval" | "git-timeout", None) => {
                self.errors.push(format!("--{name} needs a value"));
            }
            ("sync-garbage-collection", _) => self.garbage_collection = on,
            ("git-verify-signatures", _) if on => {
                self.errors.push(format!("--{name}: signatures are not verified by engine native"));
            }
            ("git-readonly", _) => self.ignored.push(format!("--{name}: nothing is ever written to the repository")),
            (
                "git-label" | "git-user" | "git-email" | "git-notes-ref" | "git-sync-tag" | "git-ci-skip"
                | "sync-state",
                _,
            ) => {
                self.ignored.push(format!("--{name}: nothing is ever written to the repository"));
            }
            ("manifest-generation", _) => {
                self.ignored.push(format!("--{name}: a kustomization.yaml is always built, .flux.yaml is not run"));
            }
            ("disable-registry-scanning" | "registry-disable-scanning", _) => {
                self.ignored.push(format!("--{name}: image registries are never scanned"));
            }
            _ if SWITCHES.contains(&name) || VALUES.contains(&name) => {
                self.ignored.push(format!("--{name}: has no meaning for engine native"));
            }
            _ => {
                let near = near(name, SWITCHES.iter().chain(VALUES));
                let hint = near.map(|name| format!("; did you mean --{name}?")).unwrap_or_default();
                self.ignored.push(format!("--{name}: not a known argument{hint}"));
            }
        }
    }

    fn duration(&mut self, name: &str, text: &str, fallback: Duration) -> Duration {
        go_duration(text).unwrap_or_else(|| {
            self.errors.push(format!("--{name}: {text} is not a duration such as 90s, 5m or 1h30m"));
            fallback
        })
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

    #[test]
    fn reads_what_the_documentation_shows() {
        let params = parse("'--git-path=cluster, apps --git-branch' ");
        assert!(!params.errors.is_empty() || !params.paths.is_empty());
        let params = parse(
            "--git-readonly --git-path=releases/a,releases/b --git-branch main --git-poll-interval=1m30s --sync-garbage-collection",
        );
        assert_eq!(params.branch, "main");
        assert_eq!(params.paths, ["releases/a", "releases/b"]);
        assert_eq!(params.poll_interval, Duration::from_secs(90));
        assert!(params.garbage_collection);
        assert_eq!(params.ignored, ["--git-readonly: nothing is ever written to the repository"]);
        assert_eq!(params.errors, Vec::<String>::new());
        assert_eq!(parse("\"--disable-registry-scanning\"").ignored.len(), 1);
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(parse("--git-brnch=x").ignored, ["--git-brnch: not a known argument; did you mean --git-branch?"]);
        assert_eq!(parse("--git-poll-interval=soon").errors.len(), 1);
        assert_eq!(parse("--git-branch").errors, ["--git-branch needs a value"]);
        assert_eq!(parse("'--git-branch").errors, ["a quote is not closed"]);
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
