//! What the process itself takes from its machine, as Linux tells it.
use std::{fs, io, time::Duration};

/// Ticks of processor time a second: a constant of Linux towards programs.
///
/// Source: proc(5) and `getconf CLK_TCK`, on every architecture that the agent is built for.
const TICKS: u64 = 100;

/// What a process takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Processor time of user and system, in steps of 10 ms.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub resident: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub descriptors: usize,
}

/// What this process takes at the moment.
///
/// # Errors
/// Where there is no `/proc`.
pub fn usage() -> io::Result<Usage> {
    let cpu = cpu(&fs::read_to_string("/proc/self/stat")?);
    let status = fs::read_to_string("/proc/self/status")?;
    let unreadable = || io::Error::other("/proc is not as expected");
    Ok(Usage {
        cpu: cpu.ok_or_else(unreadable)?,
        resident: entry(&status, "VmRSS:").ok_or_else(unreadable)? * 1024,
        threads: entry(&status, "Threads:").ok_or_else(unreadable)?,
        descriptors: fs::read_dir("/proc/self/fd")?.count(),
    })
}

/// Fields 14 and 15 of `/proc/PID/stat`; the name of the program, field 2, may hold spaces and brackets.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11).map(str::parse::<u64>);
    let ticks = fields.next()?.ok()?.checked_add(fields.next()?.ok()?)?;
    Some(Duration::from_millis(ticks.checked_mul(1000 / TICKS)?))
}

fn entry(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_threads_and_descriptors() {
        let usage = usage().expect("Linux");
        assert!(usage.resident > 1 << 20 && usage.threads > 0 && usage.descriptors > 2, "{usage:?}");
    }

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 1 0 5 1 1";
        assert_eq!(cpu(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu("nonsense"), None);
    }
}
