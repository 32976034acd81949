//! The scenarios.
use crate::{
    control_plane::ControlPlane,
    latency, limit,
    process::{Agent, Usage},
    proxy::Proxy,
    report::{Counter, Row},
    workload::{DIRECTORIES, OBJECTS, Workload},
};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Longest wait for a running agent to have applied everything.
const PATIENCE: Duration = Duration::from_secs(600);
/// Seconds between looks at the repository of a running agent that is watched while it has nothing to do.
const INTERVAL: u32 = 10;
/// The same as a time.
const SPAN: Duration = Duration::from_secs(10);
/// Intervals for which it is watched.
const INTERVALS: u32 = 3;

/// Directories of which two objects are edited.
const EDITED: usize = 100;

/// A control plane with the namespaces, and a client of it.
struct Bed {
    // Dropped in this order: the control plane ends before its directory goes.
    control_plane: ControlPlane,
    runtime: tokio::runtime::Runtime,
    client: Client,
    _directory: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let control_plane = ControlPlane::start(directory.path(), false);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(client(control_plane.kubeconfig()));
        runtime.block_on(limit::make_namespaces(&client));
        Self { control_plane, runtime, client, _directory: directory }
    }
}

async fn client(kubeconfig: &Path) -> Client {
    let file = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.expect("a kubeconfig");
    Client::try_from(config).expect("a client")
}

/// A plain client on 4 000 objects.
pub(crate) fn limit() -> Row {
    let bed = Bed::new();
    bed.runtime.block_on(limit::apply(&bed.client, DIRECTORIES))
}

/// Everything from cold, and the same again when nothing changed: timed, and counted on another control plane.
pub(crate) fn cold(name: &str, workload: impl Fn() -> Workload, objects: usize) -> Vec<Row> {
    let bed = Bed::new();
    let work = workload();
    let cold = once(&work, bed.control_plane.kubeconfig());
    let again = once(&work, bed.control_plane.kubeconfig());
    let fetched = work.fetched();
    drop(bed);
    let bed = Bed::new();
    let work = workload();
    let proxy = Proxy::start(bed.control_plane.kubeconfig(), work.path());
    let mut counter = Counter::new(&proxy);
    let mut rows = Vec::new();
    for (suffix, (time, usage)) in [("cold", cold), ("unchanged", again)] {
        once(&work, proxy.kubeconfig());
        let row = Row::new(format!("{name}, {suffix}"), objects).timed(time, usage).counted(&mut counter);
        rows.push(Row { fetched: (suffix == "cold").then_some(fetched), ..row });
    }
    rows
}

fn once(workload: &Workload, kubeconfig: &Path) -> (Duration, Usage) {
    let (status, time, usage) = Agent::start(workload, kubeconfig, &["--once"]).finish();
    assert!(status.success(), "the agent ends Compliant");
    (time, usage)
}

/// An agent that has applied everything.
fn settled(workload: &Workload, kubeconfig: &Path, configurations: usize) -> Agent {
    let agent = Agent::start(workload, kubeconfig, &[]);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = std::fs::read_to_string(workload.data().join("status.json")).unwrap_or_default();
        if status.matches("\"complianceState\": \"Compliant\"").count() == configurations {
            return agent;
        }
        assert!(Instant::now() < deadline, "everything is applied within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// What a running agent costs: until everything is applied, and over some intervals in which nothing changes.
pub(crate) fn steady(configurations: usize) -> Vec<Row> {
    let bed = Bed::new();
    let workload = Workload::small(configurations, INTERVAL);
    let start = Instant::now();
    let agent = settled(&workload, bed.control_plane.kubeconfig(), configurations);
    let time = start.elapsed();
    let usage = agent.usage().expect("the agent runs");
    let objects = configurations * OBJECTS;
    let cold = Row::new(format!("{configurations} running, cold"), objects).timed(time, usage);
    wait(SPAN);
    let before = agent.usage().expect("the agent runs");
    wait(SPAN * INTERVALS);
    let after = agent.usage().expect("the agent runs");
    drop(agent);
    drop(bed);
    let idle = Row {
        peak: Some(after.peak),
        processor: Some(after.processor - before.processor),
        ..Row::new(format!("{configurations} running, idle {} s", (SPAN * INTERVALS).as_secs()), objects)
    };
    vec![cold, count_idle(idle, configurations)]
}

/// The row with what a running agent asks while nothing changes.
fn count_idle(row: Row, configurations: usize) -> Row {
    let bed = Bed::new();
    let workload = Workload::small(configurations, INTERVAL);
    let proxy = Proxy::start(bed.control_plane.kubeconfig(), workload.path());
    let _agent = settled(&workload, proxy.kubeconfig(), configurations);
    wait(SPAN);
    let mut counter = Counter::new(&proxy);
    wait(SPAN * INTERVALS);
    row.counted(&mut counter)
}

fn wait(time: Duration) {
    let start = Instant::now();
    while let Some(left) = time.checked_sub(start.elapsed()) {
        std::thread::park_timeout(left);
    }
}

/// How fast edits in the cluster are corrected.
pub(crate) fn drift(configurations: usize) -> Row {
    let bed = Bed::new();
    let workload = Workload::small(configurations, 600);
    let agent = settled(&workload, bed.control_plane.kubeconfig(), configurations);
    let row = bed.runtime.block_on(latency::drift(&bed.client, EDITED, configurations * OBJECTS));
    Row { peak: agent.usage().map(|usage| usage.peak), ..row }
}

/// How fast commits are applied.
pub(crate) fn commit(configurations: usize) -> Row {
    let bed = Bed::new();
    let workload = Workload::small(configurations, 1);
    let agent = settled(&workload, bed.control_plane.kubeconfig(), configurations);
    let row = bed.runtime.block_on(latency::commits(&bed.client, &workload, 20, configurations * OBJECTS));
    Row { peak: agent.usage().map(|usage| usage.peak), ..row }
}
