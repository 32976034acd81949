//! The control plane that is measured: a process of its own, and what the system says of it.
use crate::cli::Failure;
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// Longest wait for the control plane to listen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Clock ticks of a second, as Linux counts them for processes.
const TICKS: f64 = 100.0;

/// A control plane; ended when dropped.
pub(super) struct Process {
    child: Child,
    /// URL at which it listens.
    pub(super) endpoint: String,
}

impl Process {
    /// Starts this program as a control plane; its files are in `directory`.
    pub(super) async fn start(data: &str, directory: &Path) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| Failure::of(&error))?;
        let mut command = Command::new(program);
        command
            .args(["--log=warn", "hub", "--listen=127.0.0.1:0", "--data", data])
            .arg("--seal-key")
            .arg(directory.join("seal"));
        command.arg("--bootstrap").arg(directory.join("bootstrap.json")).current_dir(directory);
        let mut child =
            command.stderr(Stdio::piped()).kill_on_drop(true).spawn().map_err(|error| Failure::of(&error))?;
        let Some(stderr) = child.stderr.take() else { return Err(Failure::new("the control plane has no output")) };
        let mut lines = BufReader::new(stderr).lines();
        let mut said = String::new();
        let endpoint = tokio::time::timeout(PATIENCE, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, address)) = line.split_once(", listening on ") {
                    return Some(format!("https://{address}"));
                }
                said = line;
            }
            None
        });
        let Some(endpoint) = endpoint.await.ok().flatten() else {
            return Err(Failure::new(format!("the control plane does not start: {said}")));
        };
        // It is read to its end, so that the process never waits for a reader.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if !line.starts_with("first start: ") {
                    tracing::warn!("{line}");
                }
            }
        });
        Ok(Self { child, endpoint })
    }

    /// Its memory in MiB: as it is, and the most that it was.
    pub(super) fn memory(&self) -> (f64, f64) {
        let status = self.read("status");
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
            (kib / 102.4).round() / 10.0
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// The time of processors that it has taken.
    pub(super) fn processor(&self) -> Duration {
        let stat = self.read("stat");
        // The name, in parentheses, may have spaces.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Duration::from_secs_f64(ticks / TICKS)
    }

    fn read(&self, what: &str) -> String {
        let id = self.child.id().map(|id| id.to_string()).unwrap_or_default();
        std::fs::read_to_string(format!("/proc/{id}/{what}")).unwrap_or_default()
    }
}
