//! Whether charts are rendered, and what the `helm` program may do then.
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// Variables that the program may be given: where programs and the user's credentials for registries are, and how the
/// network is reached.
const ENVIRONMENT: [&str; 15] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "DOCKER_CONFIG",
    "HELM_REGISTRY_CONFIG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// Whether and how `helm` may be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The program; none: charts are refused.
    pub command: Option<PathBuf>,
    /// The program's environment, besides what is set for it; see [`environment`].
    pub environment: Vec<(OsString, OsString)>,
    /// The version of Kubernetes that charts are rendered for which name none.
    pub kube_version: String,
    /// API versions that charts may find which name none.
    pub api_versions: Vec<String>,
    /// Whether the program is asked for more output, and all of its complaint is shown when it fails.
    pub debug: bool,
    /// How long and how much.
    pub limits: Limits,
}

/// Bounds of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest time for one chart.
    pub time: Duration,
    /// Most bytes that it may print.
    pub output: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(120), output: 64 << 20 }
    }
}

/// What of an environment the program needs: programs and credentials for registries, proxies, authorities.
pub fn environment(all: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    all.into_iter().filter(|(name, _)| ENVIRONMENT.iter().any(|known| name == known)).collect()
}
