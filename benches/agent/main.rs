//! How much the agent does in how much time, against a real API server: `cargo bench --bench agent`.
//!
//! Every scenario runs on a control plane of its own. What is timed runs straight against the API
//! server; requests and bytes are counted in a second run, through a proxy, which would distort the
//! times. The limit (the same objects by a plain client) is measured in the same run, so that
//! ratios hold on any machine. `docs/benchmarks.md` says what the figures mean.
mod latency;
mod limit;
mod process;
mod report;
mod scenario;
mod workload;

#[path = "../../tests/support/control_plane.rs"]
#[expect(dead_code, reason = "outages are for the tests")]
mod control_plane;
#[path = "../../tests/support/proxy/mod.rs"]
#[expect(dead_code, reason = "faults are for the tests")]
mod proxy;

use clap::Parser;
use report::Row;
use std::path::PathBuf;

/// Measure the agent against a real API server
#[derive(Debug, Parser)]
struct Args {
    /// Only these scenarios
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Write the figures as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Scenario {
    /// A plain client applies 4 000 objects: the limit
    Limit,
    /// 1 configuration of 4 objects from cold, then again unchanged
    One,
    /// 100 configurations of 4 objects from cold, then again unchanged
    Hundred,
    /// 1 000 configurations of 4 objects from cold, then again unchanged
    Thousand,
    /// 1 configuration of 10 000 objects from cold, then again unchanged
    Large,
    /// An agent that is left running with 1 000 configurations, from cold, and then with nothing to do
    Steady,
    /// Edits in the cluster, corrected by a running agent with 1 000 configurations
    Drift,
    /// Commits, followed by a running agent with 100 configurations
    Commit,
}

fn main() {
    let args = Args::parse();
    // `cargo test --benches` starts this, too, and wants no measurements.
    if !args.bench {
        return;
    }
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let scenarios = if args.scenarios.is_empty() {
        <Scenario as clap::ValueEnum>::value_variants().to_vec()
    } else {
        args.scenarios.clone()
    };
    let mut rows = Vec::new();
    for scenario in scenarios {
        let new = run(scenario);
        new.iter().for_each(report::print);
        rows.extend(new);
    }
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&rows).expect("figures are JSON")).expect("the file is written");
    }
}

fn run(scenario: Scenario) -> Vec<Row> {
    match scenario {
        Scenario::Limit => vec![scenario::limit()],
        Scenario::One => scenario::cold("1 configuration", || workload::Workload::small(1, 600), workload::OBJECTS),
        Scenario::Hundred => {
            scenario::cold("100 configurations", || workload::Workload::small(100, 600), 100 * workload::OBJECTS)
        }
        Scenario::Thousand => {
            scenario::cold("1000 configurations", || workload::Workload::small(1000, 600), 1000 * workload::OBJECTS)
        }
        Scenario::Large => scenario::cold("1 of 10000 objects", || workload::Workload::large(10_000), 10_000),
        Scenario::Steady => scenario::steady(1000),
        Scenario::Drift => vec![scenario::drift(1000)],
        Scenario::Commit => vec![scenario::commit(100)],
    }
}
