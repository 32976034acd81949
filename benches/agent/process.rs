//! The agent as a process: started, watched for its memory and processor time, ended.
use super::workload::Workload;
use std::{
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Time between two looks at a running process.
const LOOK: Duration = Duration::from_millis(10);
/// Ticks of processor time in a second (`USER_HZ`, 100 on every Linux).
const TICKS: f64 = 100.0;

/// What a process used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Highest resident set, in bytes.
    pub(crate) peak: u64,
    /// Processor time of all threads, in seconds.
    pub(crate) processor: f64,
}

/// A running agent, killed when this is dropped.
pub(crate) struct Agent(Child);

impl Agent {
    /// Starts the agent on a workload.
    pub(crate) fn start(workload: &Workload, kubeconfig: &Path, more: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_arcwright"))
            .arg("--data-dir")
            .arg(workload.data())
            .args(["--log", "error", "agent", "--state"])
            .arg(workload.state())
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the agent starts");
        Self(child)
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let proc = format!("/proc/{}", self.0.id());
        let status = std::fs::read_to_string(format!("{proc}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
        let stat = std::fs::read_to_string(format!("{proc}/stat")).ok()?;
        // Fields 14 and 15; the second, in parentheses, may hold spaces.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let mut ticks = || fields.next()?.parse::<f64>().ok();
        Some(Usage { peak: peak * 1024, processor: (ticks()? + ticks()?) / TICKS })
    }

    /// Waits until it ends by itself: how long that took, and what it used.
    pub(crate) fn finish(mut self) -> (ExitStatus, Duration, Usage) {
        let start = Instant::now();
        let mut usage = Usage::default();
        loop {
            usage = self.usage().unwrap_or(usage);
            if let Some(status) = self.0.try_wait().expect("the process can be waited for") {
                return (status, start.elapsed(), usage);
            }
            std::thread::park_timeout(LOOK);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
