//! The figures, as a table and as JSON.
use crate::{process::Usage, proxy};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// What one scenario came to. What was not measured is absent.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// Name of the scenario.
    pub(crate) scenario: String,
    /// Objects that it is about.
    pub(crate) objects: usize,
    /// Wall time, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
    /// API requests by verb, from the run that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requests: Option<BTreeMap<String, usize>>,
    /// Bytes of request bodies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<u64>,
    /// Bytes of response bodies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) received: Option<u64>,
    /// Bytes of the mirrors that fetching left on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fetched: Option<u64>,
    /// Highest resident set of the agent, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peak: Option<u64>,
    /// Processor time of the agent, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processor: Option<f64>,
    /// Latencies of many events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
}

impl Row {
    /// A row of a scenario about so many objects.
    pub(crate) fn new(scenario: impl Into<String>, objects: usize) -> Self {
        Self { scenario: scenario.into(), objects, ..Self::default() }
    }

    /// With wall time and what the process used.
    pub(crate) fn timed(self, time: Duration, usage: Usage) -> Self {
        Self { seconds: Some(time.as_secs_f64()), peak: Some(usage.peak), processor: Some(usage.processor), ..self }
    }

    /// With what went through a proxy since the last time.
    pub(crate) fn counted(self, counter: &mut Counter<'_>) -> Self {
        let (requests, traffic) = counter.take();
        Self { requests: Some(requests), sent: Some(traffic.sent), received: Some(traffic.received), ..self }
    }
}

/// Counts what goes through a proxy, from one scenario to the next.
pub(crate) struct Counter<'a> {
    proxy: &'a proxy::Proxy,
    before: proxy::Traffic,
}

impl<'a> Counter<'a> {
    /// Counts from here on.
    pub(crate) fn new(proxy: &'a proxy::Proxy) -> Self {
        let mut counter = Self { proxy, before: proxy::Traffic::default() };
        counter.take();
        counter
    }

    fn take(&mut self) -> (BTreeMap<String, usize>, proxy::Traffic) {
        let mut requests = BTreeMap::new();
        for seen in self.proxy.take() {
            *requests.entry(format!("{:?}", seen.verb)).or_default() += 1;
        }
        let after = self.proxy.traffic();
        let traffic =
            proxy::Traffic { sent: after.sent - self.before.sent, received: after.received - self.before.received };
        self.before = after;
        (requests, traffic)
    }
}

/// How long each of many events took, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    count: usize,
    p50: f64,
    p99: f64,
    max: f64,
}

impl Latency {
    /// Of at least one time.
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        // The smallest time that at least `part` in a hundred do not exceed.
        let at = |part: usize| times[(times.len() * part).div_ceil(100).saturating_sub(1)].as_secs_f64() * 1e3;
        Self { count: times.len(), p50: at(50), p99: at(99), max: at(100) }
    }
}

/// Prints a row when it is known, so that a long run shows where it is.
#[expect(clippy::print_stdout, reason = "the report of a benchmark")]
pub(crate) fn print(row: &Row) {
    let mut line = format!("{:<22} {:>6} objects", row.scenario, row.objects);
    if let Some(seconds) = row.seconds {
        line += &format!("  {seconds:8.2} s");
        #[expect(clippy::cast_precision_loss, reason = "counts of objects are small")]
        let rate = row.objects as f64 / seconds;
        line += &format!("  {rate:7.0}/s");
    }
    if let Some(processor) = row.processor {
        line += &format!("  cpu {processor:.2} s");
    }
    if let Some(peak) = row.peak {
        line += &format!("  peak {:.1} MiB", mebibytes(peak));
    }
    if let Some(latency) = &row.latency {
        line += &format!(
            "  p50 {:.0} ms  p99 {:.0} ms  max {:.0} ms  of {}",
            latency.p50, latency.p99, latency.max, latency.count
        );
    }
    if let (Some(sent), Some(received)) = (row.sent, row.received) {
        line += &format!("  sent {:.2} MiB  received {:.2} MiB", mebibytes(sent), mebibytes(received));
    }
    if let Some(fetched) = row.fetched {
        line += &format!("  git {:.2} MiB", mebibytes(fetched));
    }
    println!("{line}");
    if let Some(requests) = &row.requests {
        let total: usize = requests.values().sum();
        let verbs: Vec<String> = requests.iter().map(|(verb, count)| format!("{verb} {count}")).collect();
        println!("{:<22} {total:>6} requests  {}", "", verbs.join(", "));
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1048576.0
}
