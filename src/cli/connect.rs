//! `arcwright connect`: make the cluster's resource at a control plane, and install the agents.
use super::{
    Failure, Outcome,
    onboarding::{CheckList, Known, Plane, PlaneArgs, done, print, told},
    output::Form,
    progress::Progress,
    ui,
};
use crate::{
    cloud::{ArmError, arm::CLUSTER_VERSION, credential::read_bounded},
    cluster as kubernetes,
    model::distribution,
    onboard::{
        Check, Connection, Identity, Image, NAMESPACE, OnboardingKey, Proxy, cluster,
        decide::{Asked, Before, Choice, Conflict, decide},
        diagnose,
        helm::{Helm, HelmError},
        manifests,
    },
    render::value_to_yaml,
    runtime::file::replace,
};
use clap::{ArgGroup, Args};
use k8s_openapi::api::core::v1::Node;
use kube::Client;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use tokio::time::Instant;

/// Time between two looks at the control plane.
const LOOK: Duration = Duration::from_secs(2);
/// First versions of helm 3 that has what is asked of it.
const HELM_MINOR: u32 = 14;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("instead").args(["manifests", "no_install"])))]
pub(super) struct ConnectArgs {
    #[command(flatten)]
    plane: PlaneArgs,
    /// Region of the resource; by default that of its group, or the only one there is
    #[arg(short, long, value_name = "LOCATION")]
    location: Option<String>,
    /// Tag of the resource, NAME=VALUE; may be given several times
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Distribution of Kubernetes; detected by default
    #[arg(long, value_name = "NAME")]
    distribution: Option<String>,
    /// Where the cluster runs; detected by default
    #[arg(long, value_name = "NAME")]
    infrastructure: Option<String>,
    /// Private key to enrol with, RSA in PEM, instead of one that is made
    #[arg(long, value_name = "FILE")]
    onboarding_key: Option<PathBuf>,
    /// Take a resource over that was made with another key
    #[arg(long)]
    force: bool,
    /// Kubeconfig; without it the environment decides (KUBECONFIG, in-cluster)
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    agents: AgentsArgs,
    /// How long to wait until the cluster is Connected, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
}

/// How the agents are installed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Agents")]
struct AgentsArgs {
    /// Their image, REPOSITORY, REPOSITORY:TAG or REPOSITORY@DIGEST
    #[arg(long, value_name = "IMAGE")]
    image: Option<Image>,
    /// Proxy of the agents for https
    #[arg(long, value_name = "URL")]
    proxy_https: Option<String>,
    /// Proxy of the agents for http
    #[arg(long, value_name = "URL")]
    proxy_http: Option<String>,
    /// Hosts, domains and networks that the agents reach without a proxy
    #[arg(long, value_name = "LIST")]
    proxy_skip_range: Option<String>,
    /// Chart to install instead of the one of this program, as helm names it
    #[arg(long, value_name = "CHART", conflicts_with = "instead")]
    chart: Option<String>,
    /// File with further values of the chart; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with = "instead")]
    values: Vec<PathBuf>,
    /// Program to install with
    #[arg(long, env = "ARCWRIGHT_HELM", default_value = "helm", value_name = "PROGRAM")]
    helm_command: PathBuf,
    /// Write manifests instead of installing: agents.yaml in a directory, or - for the output. They hold the private key
    #[arg(long, value_name = "DIR|-", conflicts_with = "output")]
    manifests: Option<PathBuf>,
    /// Make the resource and the key only, without looking at any cluster, and write the chart's values to a file
    #[arg(long, requires = "values_file")]
    no_install: bool,
    /// With --no-install, the file of values; the key of one that is there is used again
    #[arg(long, value_name = "FILE", requires = "no_install")]
    values_file: Option<PathBuf>,
}

/// Takes NAME=VALUE.
fn tag(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("a tag is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// What is known of the cluster.
struct Site {
    client: Client,
    nodes: Vec<Node>,
    known: Option<Identity>,
    kept: Option<OnboardingKey>,
}

/// What was done, for programs.
#[derive(Default)]
struct Report {
    connection: Value,
    status: Option<String>,
    problems: Vec<String>,
    written: Option<PathBuf>,
}

impl Report {
    fn value(&self, list: &CheckList) -> Value {
        json!({"checks": list.checks, "resource": self.connection, "connectivityStatus": self.status,
            "problems": self.problems, "written": self.written})
    }
}

pub(super) async fn run(args: ConnectArgs) -> Outcome {
    let plane = args.plane.open()?;
    let brought = args.onboarding_key.as_deref().map(read_key).transpose()?;
    let mut list = CheckList::default();
    let mut report = Report::default();
    let outcome = connect(&args, &plane, brought, &mut list, &mut report).await;
    print(args.output, &report.value(&list))?;
    outcome.map(|()| ExitCode::SUCCESS)
}

fn read_key(path: &Path) -> Result<OnboardingKey, Failure> {
    let bytes = read_bounded(path).map_err(|error| Failure::of(&error))?;
    OnboardingKey::read(&bytes).map_err(|error| {
        Failure::new(format!("the key in {} cannot be used", path.display()))
            .caused_by(&error)
            .hint("`openssl genrsa -traditional -out key.pem 4096` makes one")
    })
}

async fn connect(
    args: &ConnectArgs,
    plane: &Plane,
    brought: Option<OnboardingKey>,
    list: &mut CheckList,
    report: &mut Report,
) -> Result<(), Failure> {
    let site = if args.agents.no_install { None } else { check_cluster(args, list).await };
    let known = plane.check(list).await;
    let (failed, all) = (list.failed(), list.checks.len());
    let Some(known) = known.filter(|_| failed == 0) else {
        return Err(Failure::new(format!("{failed} of {all} checks failed; nothing was changed"))
            .hint("docs/connect.md says what each of them means"));
    };
    let kept = match (&site, &args.agents.values_file) {
        (Some(site), _) => site.kept.clone(),
        (None, Some(file)) => key_of_values(file)?,
        (None, None) => None,
    };
    let id = plane.identity.id();
    let before = known.arm.get(&id, CLUSTER_VERSION).await.map_err(|error| told(&error))?;
    let enrolled =
        before.as_ref().map(|one| one["properties"]["agentPublicKeyCertificate"].as_str().unwrap_or_default());
    let found = Before { known: site.as_ref().and_then(|site| site.known.as_ref()), kept: kept.as_ref(), enrolled };
    let asked = Asked { identity: &plane.identity, key: brought.as_ref(), is_forced: args.force };
    let choice = decide(&found, &asked).map_err(|conflict| refused(&conflict, plane))?;
    let key = match choice {
        Choice::Use(key) => key.clone(),
        Choice::Make => list.during("making a key", make_key()).await?,
    };
    let is_taken_over = enrolled.is_some_and(|enrolled| !key.is_of(enrolled));
    let connection = connection(args, plane, &known, site.as_ref(), before.as_ref()).await?;
    report.connection = json!({"id": id, "location": connection.location, "distribution": connection.distribution,
        "infrastructure": connection.infrastructure});
    if let Some(site) = site.as_ref().filter(|_| args.agents.manifests.is_none()) {
        cluster::keep_key(&site.client, &key).await.map_err(|error| Failure::of(&error))?;
    }
    let made = make_resource(args, &known, &connection, before.as_ref(), &key).await?;
    report.status = made["properties"]["connectivityStatus"].as_str().map(str::to_owned);
    match (&args.agents.manifests, &args.agents.values_file) {
        (Some(target), _) => write_manifests(target, &connection, &key, report),
        (None, Some(file)) => write_values(file, &connection, &key, report),
        (None, None) => {
            install(args, &connection, &key).await?;
            let Some(site) = &site else { return Ok(()) };
            let stale =
                before.filter(|_| is_taken_over).map(|before| before["properties"]["lastConnectivityTime"].clone());
            wait(args, &known, &site.client, &id, stale.as_ref(), report).await
        }
    }
}

async fn check_cluster(args: &ConnectArgs, list: &mut CheckList) -> Option<Site> {
    let by_helm = args.agents.manifests.is_none();
    if by_helm {
        let check = check_helm(args).await;
        list.add(check);
    }
    let client = match kubernetes::connect(args.kubeconfig.as_deref()).await {
        Ok(client) => client,
        Err(error) => {
            list.add(cluster::unreachable(&error));
            return None;
        }
    };
    let check = list.during("asking the API server", cluster::reachable(&client)).await;
    if !list.add(check) {
        for name in ["rights", "nodes", "agents", "identity"] {
            list.add(Check::skipped(name, "the API server does not answer"));
        }
        return None;
    }
    let check = list.during("asking for your rights", cluster::rights(&client)).await;
    list.add(check);
    let (check, nodes) = list.during("listing the nodes", cluster::nodes(&client)).await;
    list.add(check);
    let check = list.during("looking for agents", cluster::agents(&client, by_helm)).await;
    list.add(check);
    let (known, kept) = tokio::join!(cluster::known_as(&client), cluster::kept_key(&client));
    match (known, kept) {
        (Ok(known), Ok(kept)) => {
            let message = match &known {
                Some(known) => format!("the cluster is connected as {known}"),
                None => "the cluster is not connected yet".to_owned(),
            };
            list.add(Check::passed("identity", message));
            Some(Site { client, nodes, known, kept })
        }
        (Err(error), _) | (_, Err(error)) => {
            list.add(Check::failed("identity", crate::error::Chain(&error).to_string()));
            None
        }
    }
}

async fn check_helm(args: &ConnectArgs) -> Check {
    let hint = "install helm (https://helm.sh), name it with --helm-command, or do without it: --manifests -";
    match helm(args).version().await {
        Ok(version) if is_too_old(&version) => {
            Check::failed("helm", format!("{version} is older than v3.{HELM_MINOR}")).hint(hint)
        }
        Ok(version) => Check::passed("helm", version),
        Err(error) => Check::failed("helm", crate::error::Chain(&error).to_string()).hint(hint),
    }
}

fn is_too_old(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split(['.', '+', '-']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(3)), Some(Ok(minor))) => minor < HELM_MINOR,
        (Some(Ok(major)), _) => major < 3,
        _ => false,
    }
}

fn helm(args: &ConnectArgs) -> Helm {
    Helm { program: args.agents.helm_command.clone(), kubeconfig: args.kubeconfig.clone() }
}

fn refused(conflict: &Conflict, plane: &Plane) -> Failure {
    let failure = Failure::new(format!("{} is not connected", plane.identity)).caused_by(conflict);
    match conflict {
        Conflict::Other(other) => failure.hint(format!(
            "connect it by that name, or first `arcwright disconnect --name {} --resource-group {}`",
            other.name, other.group
        )),
        Conflict::Enrolled => failure.hint(
            "choose another --name; or give the key that it was made with by --onboarding-key FILE; or take it over with --force, which ends another cluster's connection",
        ),
    }
}

async fn make_key() -> Result<OnboardingKey, Failure> {
    let made = tokio::task::spawn_blocking(OnboardingKey::generate).await.map_err(|error| Failure::of(&error))?;
    made.map_err(|error| Failure::of(&error))
}

/// The key in a file of values that an earlier run wrote.
fn key_of_values(file: &Path) -> Result<Option<OnboardingKey>, Failure> {
    if !file.exists() {
        return Ok(None);
    }
    let wrong = || {
        Failure::new(format!("{} is there, and holds no values with a key", file.display()))
            .hint("name another --values-file")
    };
    let bytes = read_bounded(file).map_err(|error| Failure::of(&error))?;
    let text = String::from_utf8(bytes).ok().ok_or_else(wrong)?;
    let values = crate::yaml::read(&text).ok().and_then(|documents| documents.into_iter().next()).ok_or_else(wrong)?;
    let pem = values["global"]["onboardingPrivateKey"].as_str().ok_or_else(wrong)?;
    OnboardingKey::read(pem.as_bytes()).map(Some).ok().ok_or_else(wrong)
}

async fn connection(
    args: &ConnectArgs,
    plane: &Plane,
    known: &Known,
    site: Option<&Site>,
    before: Option<&Value>,
) -> Result<Connection, Failure> {
    let nodes = site.map(|site| site.nodes.as_slice()).unwrap_or_default();
    let Identity { subscription, group, .. } = &plane.identity;
    let group_location = known.arm.group(subscription, group).await.map_err(|error| told(&error))?;
    let of_resource = before.and_then(|before| before["location"].as_str()).map(str::to_owned);
    let only = || <&[String; 1]>::try_from(known.locations.as_slice()).ok().map(|[only]| only.clone());
    let location = of_resource.or_else(|| args.location.clone()).or_else(|| group_location.clone()).or_else(only);
    let location = location.ok_or_else(|| {
        let offered = known.locations.join(", ");
        Failure::new("the resource takes a location").hint(format!("give --location, one of: {offered}")).code(2)
    })?;
    if group_location.is_none() {
        known.arm.make_group(subscription, group, &location).await.map_err(|error| arm_failure(&error))?;
        done("group", &format!("resource group {group} was made in {location}"));
    }
    let named = |given: &Option<String>, detected: &str| given.clone().unwrap_or_else(|| detected.to_owned());
    let AgentsArgs { image, proxy_https, proxy_http, proxy_skip_range, .. } = &args.agents;
    Ok(Connection {
        identity: plane.identity.clone(),
        location,
        tenant: plane.tenant.clone(),
        distribution: named(&args.distribution, distribution::distribution(nodes)),
        infrastructure: named(&args.infrastructure, distribution::infrastructure(nodes)),
        hub: plane.base.clone(),
        authorities: plane.authorities.clone(),
        image: image.clone(),
        proxy: Proxy { https: proxy_https.clone(), http: proxy_http.clone(), no_proxy: proxy_skip_range.clone() },
    })
}

fn arm_failure(error: &ArmError) -> Failure {
    error.cloud().map_or_else(|| Failure::of(error), told)
}

async fn make_resource(
    args: &ConnectArgs,
    known: &Known,
    connection: &Connection,
    before: Option<&Value>,
    key: &OnboardingKey,
) -> Result<Value, Failure> {
    let tags: BTreeMap<String, String> = args.tags.iter().cloned().collect();
    let body = connection.resource(before, &key.public, &tags);
    let id = connection.identity.id();
    let progress = Progress::spinner("making the resource");
    let made = known.arm.put(&id, CLUSTER_VERSION, &body).await.map_err(|error| arm_failure(&error))?;
    progress.end();
    let what = if before.is_some() { "brought up to date" } else { "made" };
    done("resource", &format!("{id} was {what} ({}, {})", connection.distribution, connection.infrastructure));
    Ok(made)
}

fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, 0o600, |out| out.write_all(text.as_bytes())).map_err(|error| {
        Failure::new(format!("{} is not written", path.display())).caused_by(&error).hint("make its directory first")
    })
}

fn write_manifests(
    target: &Path,
    connection: &Connection,
    key: &OnboardingKey,
    report: &mut Report,
) -> Result<(), Failure> {
    let text = manifests::to_yaml(&manifests::manifests(connection, key));
    if target == Path::new("-") {
        ui::text(&text);
        return Ok(());
    }
    let file = target.join("agents.yaml");
    std::fs::create_dir_all(target)
        .map_err(|error| Failure::new(format!("directory {} is not made", target.display())).caused_by(&error))?;
    write_private(&file, &text)?;
    done("manifests", &format!("in {}, with the private key: `kubectl apply --server-side -f {0}`", file.display()));
    report.written = Some(file);
    Ok(())
}

fn write_values(file: &Path, connection: &Connection, key: &OnboardingKey, report: &mut Report) -> Result<(), Failure> {
    write_private(file, &value_to_yaml(&connection.values(key)))?;
    done(
        "values",
        &format!(
            "in {}, with the private key: `helm upgrade --install azure-arc CHART --namespace {NAMESPACE} --create-namespace --values {0}`",
            file.display()
        ),
    );
    report.written = Some(file.to_owned());
    Ok(())
}

async fn install(args: &ConnectArgs, connection: &Connection, key: &OnboardingKey) -> Result<(), Failure> {
    let progress = Progress::spinner("installing the agents");
    let chart = args.agents.chart.as_deref();
    let installed = helm(args).install(chart, &args.agents.values, &connection.values(key), key).await;
    progress.end();
    installed.map_err(|error| {
        let hint = match &error {
            HelmError::Failed { said, .. } if said.contains("invalid ownership metadata") => {
                "something of that name was made otherwise: delete it, or let helm take it over with `kubectl annotate` and `kubectl label` as it says"
            }
            _ => "correct that, and run the same command again: it goes on where it stopped",
        };
        Failure::new("the resource is made, and the agents are not installed").caused_by(&error).hint(hint)
    })?;
    done("agents", &format!("release azure-arc is installed in namespace {NAMESPACE}"));
    Ok(())
}

/// Waits until the control plane has heard of the cluster; `stale` is when it last heard of the one before it.
async fn wait(
    args: &ConnectArgs,
    known: &Known,
    client: &Client,
    id: &str,
    stale: Option<&Value>,
    report: &mut Report,
) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    let progress = Progress::spinner("waiting until the cluster is Connected");
    let mut last = Value::Null;
    loop {
        match known.arm.get(id, CLUSTER_VERSION).await {
            Ok(Some(resource)) => last = resource,
            Ok(None) => return Err(Failure::new(format!("{id} was deleted meanwhile"))),
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(told(&error)),
        }
        let properties = &last["properties"];
        report.status = properties["connectivityStatus"].as_str().map(str::to_owned);
        let is_fresh = stale.is_none_or(|stale| *stale != properties["lastConnectivityTime"]);
        if report.status.as_deref() == Some("Connected") && is_fresh {
            progress.end();
            done("connected", "the control plane has heard of the cluster: it is Connected");
            return Ok(());
        }
        if Instant::now() + LOOK > deadline {
            break;
        }
        let status = report.status.as_deref().unwrap_or("unknown");
        progress.tell(&format!("waiting until the cluster is Connected; it is {status}"));
        tokio::time::sleep(LOOK).await;
    }
    progress.end();
    report.problems = diagnose::problems(&diagnose::look(client).await, &last);
    for problem in &report.problems {
        ui::note(format_args!("{:10}{problem}", ""));
    }
    Err(Failure::new(format!("the cluster is not Connected after {} s", args.timeout))
        .hint("correct what is said above; the agents go on trying, and the same command waits again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helm_that_does_not_know_what_is_asked_of_it_is_too_old() {
        for (version, is_old) in [
            ("v3.19.0+g3d8990f", false),
            ("v3.14.0", false),
            ("v3.13.2+gabc", true),
            ("v2.17.0", true),
            ("v4.0.0", false),
            ("v3.19", false),
            ("something else", false),
        ] {
            assert_eq!(is_too_old(version), is_old, "{version}");
        }
    }

    #[test]
    fn a_tag_has_a_name() {
        assert_eq!(tag("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(tag("a").is_err() && tag("=b").is_err());
    }
}
