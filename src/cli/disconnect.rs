//! `arcwright disconnect`: delete the cluster's resource, and take the agents away.
use super::{
    Failure, Outcome,
    onboarding::{CheckList, Known, Plane, PlaneArgs, done, print, told},
    output::Form,
    progress::Progress,
    ui,
};
use crate::{
    cloud::arm::CLUSTER_VERSION,
    cluster as kubernetes,
    onboard::{
        Check, NAMESPACE,
        cluster::{self, SiteError},
        helm::{Helm, HelmError},
        remove,
    },
};
use clap::Args;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use serde_json::json;
use std::{
    io::{self, BufRead as _, IsTerminal as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tokio::time::Instant;

/// Longest wait until the namespace is gone.
const GONE: Duration = Duration::from_secs(180);
/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct DisconnectArgs {
    #[command(flatten)]
    plane: PlaneArgs,
    /// Kubeconfig; without it the environment decides (KUBECONFIG, in-cluster)
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Go on when one side is gone or cannot be reached, and let nothing wait for agents that are gone
    #[arg(long)]
    force: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Program that the agents were installed with
    #[arg(long, env = "ARCWRIGHT_HELM", default_value = "helm", value_name = "PROGRAM")]
    helm_command: PathBuf,
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
}

pub(super) async fn run(args: DisconnectArgs) -> Outcome {
    let plane = args.plane.open()?;
    let mut list = CheckList::default();
    let client = check_cluster(&args, &plane, &mut list).await?;
    let known = plane.check(&mut list).await;
    let sides = usize::from(client.is_some()) + usize::from(known.is_some());
    if sides == 0 || (sides == 1 && !args.force) {
        let which = match (&client, &known) {
            (None, None) => "neither cluster nor control plane can be worked with",
            (None, Some(_)) => "the cluster cannot be worked with",
            (Some(_), _) => "the control plane cannot be worked with",
        };
        let hint = if sides == 0 {
            "correct what is said above"
        } else {
            "correct what is said above, or clean the other side alone with --force"
        };
        return Err(Failure::new(format!("{which}; nothing was changed")).hint(hint));
    }
    confirm(&args, &plane)?;
    let was_there = match &known {
        Some(known) => delete_resource(known, &plane).await?,
        None => false,
    };
    let left = match &client {
        Some(client) => clean(&args, client).await.map_err(|error| {
            let failure = Failure::new("the cluster is not clean yet").caused_by(&error);
            failure.hint("correct that, and run the same command again")
        })?,
        None => Vec::new(),
    };
    let value = json!({"checks": list.checks, "resource": {"id": plane.identity.id(), "deleted": was_there},
        "cluster": {"cleaned": client.is_some(), "left": left}});
    print(args.output, &value)?;
    ui::note(format_args!("what configurations have applied in the cluster was not touched"));
    Ok(ExitCode::SUCCESS)
}

/// The cluster, where it can be worked with. One that is another resource is refused.
async fn check_cluster(args: &DisconnectArgs, plane: &Plane, list: &mut CheckList) -> Result<Option<Client>, Failure> {
    let client = match kubernetes::connect(args.kubeconfig.as_deref()).await {
        Ok(client) => client,
        Err(error) => {
            list.add(cluster::unreachable(&error));
            return Ok(None);
        }
    };
    let check = list.during("asking the API server", cluster::reachable(&client)).await;
    if !list.add(check) {
        return Ok(None);
    }
    match cluster::known_as(&client).await {
        Ok(Some(known)) if known != plane.identity => {
            Err(Failure::new(format!("this cluster is connected as {known}, and not as {}", plane.identity))
                .hint("name that one, or another cluster with --kubeconfig FILE"))
        }
        Ok(Some(_)) => {
            list.add(Check::passed("identity", format!("the cluster is connected as {}", plane.identity)));
            Ok(Some(client))
        }
        Ok(None) => {
            list.add(Check::warning("identity", "the cluster is not connected; what is left of that is taken away"));
            Ok(Some(client))
        }
        Err(error) => {
            list.add(Check::failed("identity", crate::error::Chain(&error).to_string()));
            Ok(None)
        }
    }
}

fn confirm(args: &DisconnectArgs, plane: &Plane) -> Result<(), Failure> {
    if args.yes {
        return Ok(());
    }
    let name = &plane.identity.name;
    if !io::stdin().is_terminal() {
        return Err(Failure::new(format!("whether {name} is to be disconnected cannot be asked here"))
            .hint("give --yes")
            .code(2));
    }
    ui::note(format_args!(
        "{} is deleted with its configurations, and the agents are taken away. What these have applied stays.\nType {name} to go on:",
        plane.identity
    ));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|error| Failure::of(&error))?;
    if line.trim() == name { Ok(()) } else { Err(Failure::new("nothing was changed")) }
}

async fn delete_resource(known: &Known, plane: &Plane) -> Result<bool, Failure> {
    let id = plane.identity.id();
    let progress = Progress::spinner("deleting the resource");
    let deleted = known.arm.delete(&id, CLUSTER_VERSION).await;
    progress.end();
    let was_there = deleted.map_err(|error| error.cloud().map_or_else(|| Failure::of(&error), told))?;
    done("resource", &format!("{id} {}", if was_there { "is deleted" } else { "was not there" }));
    Ok(was_there)
}

#[derive(Debug, thiserror::Error)]
enum CleanError {
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Helm(#[from] HelmError),
    #[error("namespace {NAMESPACE} is not gone after {} s: {why}", GONE.as_secs())]
    Stays { why: String },
}

/// Takes everything out of the cluster; what is left in the namespace since it is somebody else's.
async fn clean(args: &DisconnectArgs, client: &Client) -> Result<Vec<String>, CleanError> {
    let progress = Progress::spinner("taking the agents away");
    remove::custom_resources(client, args.force).await?;
    let helm = Helm { program: args.helm_command.clone(), kubeconfig: args.kubeconfig.clone() };
    let by_helm = match helm.uninstall(args.force).await {
        Ok(by_helm) => by_helm,
        // Who has no helm has installed manifests, or else says --force.
        Err(HelmError::Absent { .. }) if args.force || !remove::is_released(client).await? => false,
        Err(error) => {
            if !args.force {
                return Err(error.into());
            }
            false
        }
    };
    let count = remove::agents(client, args.force).await?;
    remove::identity(client).await?;
    let left = remove::namespace(client).await?;
    progress.end();
    let how = match (by_helm, count) {
        (true, _) => "release azure-arc is uninstalled".to_owned(),
        (false, 0) => "there were none".to_owned(),
        (false, count) => format!("{} deleted", ui::count(count, "object")),
    };
    done("agents", &how);
    if left.is_empty() {
        gone(client).await?;
        done("namespace", &format!("{NAMESPACE} is deleted"));
    } else {
        done("namespace", &format!("{NAMESPACE} stays, since somebody else's is in it: {}", left.join(", ")));
    }
    Ok(left)
}

/// Waits until the namespace is gone.
async fn gone(client: &Client) -> Result<(), CleanError> {
    let api: Api<Namespace> = Api::all(client.clone());
    let progress = Progress::spinner("waiting until the namespace is gone");
    let deadline = Instant::now() + GONE;
    loop {
        let found = cluster::answered("looking for the namespace", api.get_opt(NAMESPACE)).await?;
        let Some(namespace) = found else { break };
        if Instant::now() > deadline {
            let conditions = namespace.status.and_then(|status| status.conditions).unwrap_or_default();
            let remaining = conditions.into_iter().filter(|one| one.status == "True").filter_map(|one| one.message);
            return Err(CleanError::Stays { why: remaining.collect::<Vec<_>>().join("; ") });
        }
        tokio::time::sleep(LOOK).await;
    }
    progress.end();
    Ok(())
}
