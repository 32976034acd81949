//! `arcwright agent`: keep the cluster as state files, custom resources and a control plane say.
use super::{
    Failure, Outcome,
    admin::Port,
    azure::AzureArgs,
    context::{self, ClusterArgs, DataDir},
    election::{self, ElectionArgs},
    link::{self, HubArgs},
    output::Form,
    progress::Progress,
    status::{self, Shown},
    ui,
};
use crate::{
    agents::{
        config::{self, AccountPolicy, Board, Context, Doors, control::Desk, suspensions::Suspensions},
        connected::{AzureLink, Link},
        manager::Stage,
    },
    cloud::AzureCloud,
    cluster::Fence,
    desired::{
        DesiredState, Issue, Reach,
        cluster::{self, Kind},
        file,
    },
    model::Door,
    runtime::control::{BindError, Socket, is_answered},
};
use clap::{ArgGroup, Args, builder::NonEmptyStringValueParser};
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("doors").args(["state", "watch_resources", "hub", "azure"]).required(true).multiple(true)))]
pub(super) struct AgentArgs {
    /// State file or directory; may be given several times
    #[arg(long, value_name = "PATH")]
    state: Vec<PathBuf>,
    /// Take configurations from custom resources, and keep their status
    #[arg(long)]
    watch_resources: bool,
    /// With --watch-resources, only in this namespace; may be given several times
    #[arg(long, value_name = "NAMESPACE", requires = "watch_resources")]
    watch_namespace: Vec<String>,
    /// With --watch-resources, also take the kinds of the first agents, GitConfig and FluxConfig
    #[arg(long, requires = "watch_resources")]
    historical_kinds: bool,
    #[command(flatten)]
    hub: HubArgs,
    #[command(flatten)]
    azure: AzureArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Answer /healthz, /readyz and /metrics at this address, as in 0.0.0.0:8080
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    election: ElectionArgs,
    #[command(flatten)]
    accounts: AccountArgs,
    /// Reconcile everything once and exit 0 only when all is Compliant
    #[arg(long, conflicts_with = "watch_resources")]
    once: bool,
    /// With --once, how long to wait for health and to retry, in seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    patience: u64,
    /// With --once, form of the output
    #[arg(short, long, default_value = "table", requires = "once")]
    output: Form,
}

/// In whose name objects are written of configurations that name no service account.
#[derive(Debug, Args)]
#[command(next_help_heading = "Service accounts of engine native")]
struct AccountArgs {
    /// Write objects in the name of this service account of each configuration's namespace, unless the configuration names one
    #[arg(long, env = "ARCWRIGHT_DEFAULT_SERVICE_ACCOUNT", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    default_service_account: Option<String>,
    /// Make a service account for each configuration that names none, with the rights of its scope, and write in its name
    #[arg(long, env = "ARCWRIGHT_OWN_SERVICE_ACCOUNTS", conflicts_with = "default_service_account")]
    own_service_accounts: bool,
}

impl AccountArgs {
    fn accounts(&self) -> AccountPolicy {
        match (&self.default_service_account, self.own_service_accounts) {
            (Some(name), _) => AccountPolicy::Default(name.clone()),
            (None, true) => AccountPolicy::Own,
            (None, false) => AccountPolicy::Agent,
        }
    }
}

/// What both ways to run have in common.
struct Agent {
    ctx: Arc<Context>,
    board: Arc<Board>,
    suspensions: Arc<Suspensions>,
    data: DataDir,
    cancel: CancellationToken,
}

pub(super) async fn run(args: AgentArgs, data: DataDir) -> Outcome {
    let loaded = context::load(&args.state)?;
    let suspensions = Suspensions::open(data.suspensions_file()).map_err(|error| {
        Failure::new(format!("{} cannot be read", data.suspensions_file().display()))
            .caused_by(&error)
            .hint("correct it, or remove it to resume what was suspended by command")
    })?;
    // Before anything is written: another agent with these files would fight with this one.
    let socket = match args.once {
        true if is_answered(&data.control_socket()).await => return Err(already_runs(&data)),
        true => None,
        false => bind(&data).await?,
    };
    if args.state.is_empty() && !args.watch_resources && !args.hub.is_given() && args.azure.azure.is_none() {
        return Err(Failure::new("nothing says what is wanted")
            .hint("give --state, --watch-resources, --hub or --azure")
            .code(2));
    }
    let fence = args.election.is_wanted().then(Fence::default);
    let ctx = args.cluster.connect_with(fence.as_ref(), args.accounts.accounts(), &data).await?;
    let board = Arc::new(Board::open(data.status_file()));
    let is_known = |id: &_| loaded.configurations.iter().any(|one| one.id == *id);
    board.retain(is_known);
    let agent = Agent { ctx, board, suspensions: Arc::new(suspensions), data, cancel: CancellationToken::new() };
    let stop = agent.cancel.clone();
    tokio::spawn(async move {
        terminated().await;
        stop.cancel();
    });
    if args.once {
        Box::pin(once(&agent, loaded, &args)).await
    } else {
        Box::pin(serve(agent, &loaded, args, socket, fence)).await
    }
}

/// Runs the agent for as long as it may: with its admin port, and in its turn where there is an election.
async fn serve(
    agent: Agent,
    loaded: &DesiredState,
    args: AgentArgs,
    socket: Option<Socket>,
    fence: Option<Fence>,
) -> Outcome {
    let (stage, told) = watch::channel(if fence.is_some() { Stage::StandingBy } else { Stage::Reading });
    let port = Port::open(args.listen, &agent.ctx, &agent.board, told, fence.is_some()).await?;
    let cancel = agent.cancel.clone();
    let outcome = match fence {
        None => Box::pin(keep(agent, loaded, args, socket, &stage)).await,
        Some(fence) => {
            let election = args.election.clone().enter(&args.cluster, fence, &agent.ctx).await?;
            let held = tokio::select! {
                // Cancel-safe: a lease that is not held, or not known to be held, runs out.
                held = election.campaign() => held,
                () = cancel.cancelled() => return port.close().await,
            };
            stage.send_replace(Stage::Reading);
            election::while_held(held, Box::pin(keep(agent, loaded, args, socket, &stage))).await
        }
    };
    cancel.cancel();
    port.close().await?;
    outcome
}

/// Makes the socket on which the agent is asked; one that cannot be made is noted, and done without.
async fn bind(data: &DataDir) -> Result<Option<Socket>, Failure> {
    match Socket::bind(&data.control_socket()).await {
        Ok(socket) => Ok(Some(socket)),
        Err(BindError::InUse { .. }) => Err(already_runs(data)),
        Err(error @ BindError::Io { .. }) => {
            ui::note(format_args!(
                "{}; reconcile, suspend and resume will not reach this agent",
                crate::error::Chain(&error)
            ));
            Ok(None)
        }
    }
}

fn already_runs(data: &DataDir) -> Failure {
    Failure::new(format!("an agent already runs with the data directory {}", data.path().display()))
        .hint("`arcwright reconcile NAME` asks it to reconcile at once; otherwise stop it, or give another --data-dir")
}

impl AgentArgs {
    async fn azure_link(&self, ctx: &Arc<Context>) -> Result<Option<AzureLink>, Failure> {
        let authorities = self.hub.authorities()?;
        self.azure.link(ctx, self.hub.cluster_id(), authorities.as_deref()).await
    }
}

async fn once(agent: &Agent, loaded: DesiredState, args: &AgentArgs) -> Outcome {
    let Agent { ctx, board, suspensions, data, cancel } = agent;
    let patience = Duration::from_secs(args.patience);
    let failed = |why| Failure::new(format!("nothing could be pulled: {why}"));
    let azure = match (args.hub.link(data, ctx).await?, args.azure_link(ctx).await?) {
        (None, None) => None,
        (None, Some(mut link)) => {
            let door = link.door().await;
            link.pull_once(patience).await.map_err(failed)?;
            Some(door)
        }
        (Some(mut link), _) => {
            let door = link.door().await;
            link.pull_once(patience).await.map_err(failed)?;
            Some(door)
        }
    };
    let files = Some(tokio::sync::watch::Sender::new(Arc::new(loaded)).subscribe());
    let (merged, _) = Doors { files, cluster: None, azure }.follow(Arc::clone(ctx), cancel.clone()).await;
    let loaded = DesiredState::clone(&merged.borrow());
    let count = loaded.configurations.len();
    let is_clean = !loaded.issues.iter().any(Issue::is_error);
    let desired = suspensions.lay_over(loaded);
    let progress = Progress::bar(count, "reconciling");
    let keeper = tokio::spawn(Arc::clone(board).keep_file(cancel.clone()));
    let is_compliant = tokio::select! {
        // Cancel-safe: the other arm never ends, and only shows.
        is_compliant = config::run_once(ctx, &desired, board, patience, cancel) => is_compliant,
        () = board.follow_settled(|count| progress.set(count)) => false,
    };
    keeper.abort();
    progress.end();
    let suspended = suspensions.all();
    let all: Vec<Shown> = board.all().into_iter().map(|status| Shown::new(status, &suspended)).collect();
    status::print(&all, args.output)?;
    if cancel.is_cancelled() {
        Err(Failure::new("interrupted; run it again to go on where it stopped"))
    } else if is_compliant && is_clean {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::new("not everything is Compliant").hint(format!(
            "`arcwright --data-dir {} tree NAME` shows the objects of one configuration",
            data.path().display()
        )))
    }
}

async fn keep(
    agent: Agent,
    loaded: &DesiredState,
    args: AgentArgs,
    socket: Option<Socket>,
    stage: &watch::Sender<Stage>,
) -> Outcome {
    let Agent { ctx, board, suspensions, data, cancel } = agent;
    let count = ui::count(loaded.configurations.len(), "configuration");
    let link = args.hub.link(&data, &ctx).await?;
    let resources = if args.watch_resources { " and custom resources" } else { "" };
    let azure = args.azure_link(&ctx).await?;
    let origin = args.hub.hub.as_deref().or_else(|| args.azure.azure.as_ref().map(AzureCloud::resource_manager));
    let hub = origin.map(|origin| format!(" and what {origin} wants")).unwrap_or_default();
    ui::note(format_args!("reconciling {count}{resources}{hub}; status in {}", data.status_file().display()));
    let keeper = tokio::spawn(Arc::clone(&board).keep_file(cancel.clone()));
    let mut doors = Doors::default();
    if args.watch_resources {
        let kinds: &[Kind] = if args.historical_kinds { &Kind::ALL } else { &Kind::USUAL };
        let reach = match args.watch_namespace.as_slice() {
            [] => Reach::Everywhere,
            some => Reach::Namespaces(some.iter().cloned().collect()),
        };
        doors.cluster = Some(cluster::watch(&ctx.cluster.client, kinds, reach, &cancel));
    }
    if !args.state.is_empty() {
        doors.files = Some(file::watch(args.state, Arc::new(file::SECRETS), cancel.clone()).await);
    }
    let mut link = link;
    if let Some(link) = &mut link {
        doors.azure = Some(link.door().await);
    }
    let mut azure = azure;
    if let Some(link) = &mut azure {
        doors.azure = Some(link.door().await);
    }
    let (desired, standing) = doors.follow(Arc::clone(&ctx), cancel.clone()).await;
    tokio::spawn(tell_read(desired.clone(), args.watch_resources, stage.clone()));
    let health = link.as_ref().map(Link::health).or_else(|| azure.as_ref().map(AzureLink::health));
    let mut siblings: Vec<_> = azure.map(|link| link.start(&cancel)).into_iter().collect();
    if let Some(link) = link {
        let started = link.start(&board, standing.clone(), &cancel);
        siblings.extend(started.map_err(|error| link::failure(&error))?);
    }
    if args.watch_resources {
        let kept = config::keep_resources(Arc::clone(&ctx), Arc::clone(&board), standing, cancel.clone());
        siblings.push(tokio::spawn(kept));
    }
    let followed = Arc::clone(&suspensions).follow(desired.clone(), cancel.clone());
    let desk = Desk::new(Arc::clone(&ctx), Arc::clone(&board), suspensions, desired, health);
    let served = socket.map(|socket| tokio::spawn(desk.serve(socket, cancel.clone())));
    config::run(ctx, followed, board, cancel).await;
    keeper.await.map_err(|error| Failure::of(&error))?;
    for served in served.into_iter().chain(siblings) {
        served.await.map_err(|error| Failure::of(&error))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells when the desired state was read for the first time: state files at once, custom resources when all are listed.
async fn tell_read(mut desired: watch::Receiver<Arc<DesiredState>>, has_resources: bool, stage: watch::Sender<Stage>) {
    let is_read = |state: &Arc<DesiredState>| !has_resources || state.certain.contains_key(&Door::Cluster);
    if desired.wait_for(is_read).await.is_ok() {
        stage.send_replace(Stage::Working);
    }
}

/// Waits for SIGTERM or an interrupt.
pub(super) async fn terminated() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        interrupt.await.ok();
        return;
    };
    tokio::select! {
        // Cancel-safe: whichever comes first ends the wait.
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}
