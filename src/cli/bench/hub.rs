//! `arcwright bench hub`: a control plane, and agents in growing numbers.
use super::{
    agents::{Agent, Measured},
    figures::{Durations, Figures, Summary},
    process::Process,
};
use crate::{
    cli::{Failure, Outcome, output::Form, progress::Progress, ui},
    cloud::{Http, HubTime, OnboardingKey, Plane, http::Ask},
    runtime::{clock::SystemClock, limits::raise_open_files},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Clusters that are connected at once.
const AT_ONCE: usize = 16;
/// Longest wait for one change to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
const ARM: &str = "2024-01-01";

#[derive(Debug, Args)]
pub(super) struct HubBenchArgs {
    /// Numbers of agents, one after the other
    #[arg(long, value_delimiter = ',', default_value = "100,1000", value_name = "NUMBER,...")]
    agents: Vec<usize>,
    /// Seconds for which each number is measured
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u64,
    /// Seconds between the heartbeats of an agent
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    heartbeat: u64,
    /// Changes of configurations that are made meanwhile, each for one agent
    #[arg(long, default_value_t = 200, value_name = "NUMBER")]
    changes: usize,
    /// Where the data is; by default a file of SQLite that goes with the measurement
    #[arg(long, value_name = "FILE|URL")]
    data: Option<String>,
    #[arg(short, long, default_value = "table", value_name = "FORM")]
    output: Form,
}

/// What the clients of the control plane need.
struct Owner {
    http: Http,
    endpoint: String,
    token: SecretString,
    group: String,
}

impl Owner {
    /// Signs in with the credential of the first start, and makes a group.
    async fn sign_in(process: &Process, directory: &Path) -> Result<Self, Failure> {
        let read = |name: &str| std::fs::read(directory.join(name)).map_err(|error| Failure::of(&error));
        let bootstrap: Value = serde_json::from_slice(&read("bootstrap.json")?).map_err(|error| Failure::of(&error))?;
        let text = |name: &str| bootstrap[name].as_str().unwrap_or_default();
        let http = Http::new(Some(&read(text("caFile"))?)).map_err(|error| Failure::of(&error))?;
        let endpoint = process.endpoint.clone();
        let scope = format!("{endpoint}/.default");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", text("clientId")),
            ("client_secret", text("clientSecret")),
            ("scope", &scope),
        ];
        let path = format!("/{}/oauth2/v2.0/token", text("tenantId"));
        let ask = Ask::new(Method::POST, &endpoint, &path).map_err(|error| Failure::of(&error))?.form(&form);
        let granted = http.ask(ask).await.map_err(|error| Failure::of(&error))?;
        let granted: Value = granted.json().map_err(|error| Failure::of(&error))?;
        let token = SecretString::from(granted["access_token"].as_str().unwrap_or_default());
        let group = format!("/subscriptions/{}/resourceGroups/bench", text("subscriptionId"));
        let owner = Self { http, endpoint, token, group };
        owner.ask(Method::PUT, &owner.group, "2021-04-01", Some(&json!({"location": "bench"}))).await?;
        Ok(owner)
    }

    async fn ask(&self, method: Method, path: &str, version: &str, body: Option<&Value>) -> Result<(), Failure> {
        let ask = Ask::new(method, &self.endpoint, path).map_err(|error| Failure::of(&error))?;
        let ask = ask.query("api-version", version).bearer(self.token.clone());
        let ask = body.into_iter().fold(ask, Ask::json);
        self.http.ask(ask).await.map(drop).map_err(|error| Failure::of(&error))
    }

    fn clusters(&self) -> String {
        format!("{}/providers/Microsoft.Kubernetes/connectedClusters", self.group)
    }

    /// Writes the configuration of an agent; `turn` makes it another one than before.
    async fn change(&self, cluster: &str, turn: usize) -> Result<(), Failure> {
        let path = format!("{cluster}/providers/Microsoft.KubernetesConfiguration/fluxConfigurations/apps");
        let body = json!({"properties": {"namespace": "apps", "gitRepository": {"url": "https://git.example.org/apps",
            "repositoryRef": {"branch": format!("turn-{turn}")}}, "kustomizations": {"all": {"path": "all", "prune": true}}}});
        self.ask(Method::PUT, &path, "2025-04-01", Some(&body)).await
    }
}

pub(super) async fn run(args: HubBenchArgs) -> Outcome {
    raise_open_files();
    let directory = tempfile::tempdir().map_err(|error| Failure::of(&error))?;
    let file = directory.path().join("hub.db");
    let data = args.data.clone().unwrap_or_else(|| file.display().to_string());
    let process = Process::start(&data, directory.path()).await?;
    let owner = Arc::new(Owner::sign_in(&process, directory.path()).await?);
    let (onboarding, public) = onboarding()?;
    let measured = Arc::new(Measured::default());
    let (seen_tx, mut seen_rx) = mpsc::unbounded_channel();
    let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
    let mut numbers = args.agents.clone();
    numbers.sort_unstable();
    let mut all: Vec<Figures> = Vec::new();
    let mut clusters: Vec<String> = Vec::new();
    for number in numbers {
        let before = clusters.len();
        let since = Instant::now();
        let progress = Progress::bar(number - before, "connecting agents");
        let connected = stream::iter(before..number).map(|at| connect(&owner, at, &onboarding, &public));
        let mut connected = connected.buffer_unordered(AT_ONCE);
        while let Some((at, agent)) = connected.try_next().await? {
            clusters.push(agent.plane.cluster().to_owned());
            progress.set(clusters.len() - before);
            let (measured, seen, cancel) = (Arc::clone(&measured), seen_tx.clone(), cancel.clone());
            tasks.spawn(agent.live(Duration::from_secs(args.heartbeat), measured, seen, at, cancel));
        }
        progress.end();
        let connecting = since.elapsed();
        settle(&measured, number).await?;
        let mut figures = measure(&args, &process, &owner, &measured, &mut seen_rx, number).await?;
        let added = u32::try_from(number - before).unwrap_or(u32::MAX);
        figures.connected_per_second = rounded(f64::from(added) / connecting.as_secs_f64());
        figures.database = args.data.is_none().then(|| size(directory.path()));
        all.push(figures);
    }
    cancel.cancel();
    tasks.close();
    tasks.wait().await;
    print(&all, args.output)
}

/// The key by which every simulated cluster enrols, and its public half.
fn onboarding() -> Result<(OnboardingKey, String), Failure> {
    let made = openssl::rsa::Rsa::generate(2048)
        .and_then(|key| Ok((key.private_key_to_pem()?, key.public_key_to_der_pkcs1()?)));
    let (private, public) = made.map_err(|error| Failure::of(&error))?;
    let private = SecretString::from(String::from_utf8(private).map_err(|error| Failure::of(&error))?);
    let key = OnboardingKey::from_pem(&private).map_err(|error| Failure::of(&error))?;
    Ok((key, STANDARD.encode(public)))
}

/// Makes the resource of a cluster, and its agent.
async fn connect(
    owner: &Owner,
    at: usize,
    onboarding: &OnboardingKey,
    public: &str,
) -> Result<(usize, Agent), Failure> {
    let cluster = format!("{}/agent-{at:06}", owner.clusters());
    let body = json!({"location": "bench", "identity": {"type": "SystemAssigned"}, "properties": {"agentPublicKeyCertificate": public}});
    owner.ask(Method::PUT, &cluster, ARM, Some(&body)).await?;
    owner.change(&cluster, 0).await?;
    let time = HubTime::new(Arc::new(SystemClock));
    let plane = Plane::new(owner.http.clone(), &owner.endpoint, &cluster, "bench", time);
    let plane = plane.map_err(|error| Failure::of(&error))?;
    let agent = Agent::connect(plane, onboarding).await.map_err(|error| Failure::of(&error))?;
    Ok((at, agent))
}

/// Waits until every agent waits for a change.
async fn settle(measured: &Measured, number: usize) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(120);
    while measured.waiting() < number {
        if Instant::now() > until {
            return Err(Failure::new(format!(
                "only {} of {number} agents could be connected at once",
                measured.waiting()
            ))
            .hint("each takes a connection: raise the limit of open files (ulimit -n)"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    measured.take();
    Ok(())
}

async fn measure(
    args: &HubBenchArgs,
    process: &Process,
    owner: &Owner,
    measured: &Measured,
    seen: &mut mpsc::UnboundedReceiver<(usize, Instant)>,
    number: usize,
) -> Result<Figures, Failure> {
    while seen.try_recv().is_ok() {}
    let (since, processor) = (Instant::now(), process.processor());
    let length = Duration::from_secs(args.seconds);
    let (mut change, mut list) = (Durations::default(), Durations::default());
    let mut requests = 0;
    let pause = length.div_f64(args.changes.max(1) as f64);
    for turn in 1..=args.changes {
        tokio::time::sleep_until(since + pause.mul_f64((turn - 1) as f64)).await;
        let at = fastrand::usize(..number);
        let begun = Instant::now();
        owner.change(&format!("{}/agent-{at:06}", owner.clusters()), turn).await?;
        change.add(arrived(seen, at).await?.duration_since(begun));
        let begun = Instant::now();
        owner.ask(Method::GET, &owner.clusters(), ARM, None).await?;
        list.add(begun.elapsed());
        requests += 3;
    }
    tokio::time::sleep_until(since + length).await;
    let seconds = since.elapsed().as_secs_f64();
    let (heartbeats, pulls, others, failed) = measured.take();
    let (memory, memory_peak) = process.memory();
    let requests = u32::try_from(requests + others).unwrap_or(u32::MAX);
    Ok(Figures {
        agents: number,
        seconds: rounded(seconds),
        heartbeat: heartbeats.summary(),
        pull: pulls.summary(),
        change: change.summary(),
        list: list.summary(),
        failed,
        requests_per_second: rounded(f64::from(requests) / seconds),
        memory,
        memory_peak,
        cores: rounded((process.processor() - processor).as_secs_f64() / seconds),
        ..Figures::default()
    })
}

/// When the change of one agent arrived there.
async fn arrived(seen: &mut mpsc::UnboundedReceiver<(usize, Instant)>, wanted: usize) -> Result<Instant, Failure> {
    let found = tokio::time::timeout(PATIENCE, async {
        while let Some((at, moment)) = seen.recv().await {
            if at == wanted {
                return Some(moment);
            }
        }
        None
    });
    let lost = || Failure::new(format!("a change did not arrive within {} s", PATIENCE.as_secs()));
    found.await.ok().flatten().ok_or_else(lost)
}

/// Size of the database's files in MiB.
fn size(directory: &Path) -> f64 {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let of_database = files.filter(|file| file.file_name().to_string_lossy().starts_with("hub.db"));
    let bytes: u64 = of_database.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
    rounded(bytes as f64 / f64::from(1 << 20))
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn print(all: &[Figures], form: Form) -> Outcome {
    if let Form::Json | Form::Yaml = form {
        let text = serde_json::to_string_pretty(all).map_err(|error| Failure::of(&error))?;
        ui::line(format_args!("{text}"));
        return Ok(ExitCode::SUCCESS);
    }
    let heading = [
        "AGENTS",
        "CONNECTED/S",
        "HEARTBEAT",
        "CHANGE SEEN",
        "LIST",
        "REQUESTS/S",
        "FAILED",
        "MEMORY",
        "CORES",
        "DATABASE",
    ];
    let both = |summary: &Summary| format!("{}/{} ms", summary.p50, summary.p99);
    let row = |one: &Figures| {
        vec![
            one.agents.to_string(),
            one.connected_per_second.to_string(),
            both(&one.heartbeat),
            both(&one.change),
            both(&one.list),
            one.requests_per_second.to_string(),
            one.failed.to_string(),
            format!("{}/{} MiB", one.memory, one.memory_peak),
            one.cores.to_string(),
            one.database.map_or_else(String::new, |size| format!("{size} MiB")),
        ]
    };
    ui::table(&heading, &all.iter().map(row).collect::<Vec<_>>(), |_, text| text.to_owned());
    ui::note(format_args!("times are p50/p99; memory is at the end and at most"));
    Ok(ExitCode::SUCCESS)
}
