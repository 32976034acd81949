//! What several commands need: directories, the state, the cluster.
use super::{Failure, Outcome};
use crate::{
    agents::config::{AccountPolicy, Context, with_controllers},
    cluster::{Cluster, Fence},
    desired::{DesiredState, file},
    flux::{v1::Images, v2},
    runtime::clock::SystemClock,
    source::GitCache,
};
use clap::Args;
use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Longest wait, when a command has ended, for work on other threads that cannot be broken off.
const LAST_WORK: Duration = Duration::from_secs(3);

/// Where the process keeps what it may lose and what it should not.
pub(super) struct DataDir(PathBuf);

impl DataDir {
    pub(super) fn new(given: Option<PathBuf>) -> Self {
        Self(given.unwrap_or_else(|| {
            let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
            let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
            state.unwrap_or_else(std::env::temp_dir).join("arcwright")
        }))
    }

    pub(super) fn mirrors(&self) -> PathBuf {
        self.0.join("mirrors")
    }

    pub(super) fn status_file(&self) -> PathBuf {
        self.0.join("status.json")
    }

    pub(super) fn suspensions_file(&self) -> PathBuf {
        self.0.join("suspended.json")
    }

    /// Where a running agent is asked.
    pub(super) fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

/// The state and the cluster that a command works on.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// State file or directory; may be given several times
    #[arg(long, required = true, value_name = "PATH")]
    pub(super) state: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// The cluster that a command works on.
#[derive(Debug, Args)]
pub(super) struct ClusterArgs {
    /// Kubeconfig; without it the environment decides (KUBECONFIG, in-cluster)
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    operators: OperatorArgs,
    #[command(flatten)]
    controllers: ControllerArgs,
}

/// What the operators run that engine `flux-v1` installs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Operators of engine flux-v1")]
struct OperatorArgs {
    /// Image of the Flux v1 operator
    #[arg(long, env = "ARCWRIGHT_FLUX_IMAGE", default_value = Images::FLUX, value_name = "IMAGE", value_parser = image)]
    flux_image: String,
    /// Image of the operator's memcached
    #[arg(long, env = "ARCWRIGHT_MEMCACHED_IMAGE", default_value = Images::MEMCACHED, value_name = "IMAGE", value_parser = image)]
    memcached_image: String,
    /// Image of the Helm operator; a configuration may ask for another version of it
    #[arg(long, env = "ARCWRIGHT_HELM_OPERATOR_IMAGE", default_value = Images::HELM_OPERATOR, value_name = "IMAGE", value_parser = image)]
    helm_operator_image: String,
    /// Secret in each operator's namespace, and in that of the Flux v2 controllers, that the images are pulled with
    #[arg(long, env = "ARCWRIGHT_IMAGE_PULL_SECRET", value_name = "NAME")]
    image_pull_secret: Option<String>,
}

impl OperatorArgs {
    fn images(&self) -> Images {
        let Self { flux_image, memcached_image, helm_operator_image, image_pull_secret } = self;
        Images {
            flux: flux_image.clone(),
            memcached: memcached_image.clone(),
            helm_operator: helm_operator_image.clone(),
            pull_secret: image_pull_secret.clone(),
        }
    }
}

/// The controllers of engine `flux-v2`, where the agent is asked to install them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Controllers of engine flux-v2")]
struct ControllerArgs {
    /// Install the Flux v2 controllers where none are found
    #[arg(long, env = "ARCWRIGHT_INSTALL_FLUX", value_parser = clap::builder::BoolishValueParser::new())]
    install_flux: bool,
    /// Namespace of the controllers that are installed
    #[arg(long, env = "ARCWRIGHT_FLUX_NAMESPACE", default_value = v2::Settings::NAMESPACE, value_name = "NAMESPACE", value_parser = label)]
    flux_namespace: String,
    /// Image of the source-controller, with its version
    #[arg(long, env = "ARCWRIGHT_SOURCE_CONTROLLER_IMAGE", default_value = v2::Settings::SOURCE_CONTROLLER, value_name = "IMAGE", value_parser = image)]
    source_controller_image: String,
    /// Image of the kustomize-controller, with its version
    #[arg(long, env = "ARCWRIGHT_KUSTOMIZE_CONTROLLER_IMAGE", default_value = v2::Settings::KUSTOMIZE_CONTROLLER, value_name = "IMAGE", value_parser = image)]
    kustomize_controller_image: String,
}

impl ControllerArgs {
    fn settings(&self, pull_secret: Option<String>) -> v2::Settings {
        let Self { install_flux, flux_namespace, source_controller_image, kustomize_controller_image } = self;
        v2::Settings {
            install: *install_flux,
            namespace: flux_namespace.clone(),
            source_controller: source_controller_image.clone(),
            kustomize_controller: kustomize_controller_image.clone(),
            pull_secret,
        }
    }
}

/// Takes what can be a namespace.
fn label(text: &str) -> Result<String, String> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = (1..=63).contains(&text.len()) && text.chars().all(is_inner);
    if !is_label || text.starts_with('-') || text.ends_with('-') {
        return Err("a namespace has lower-case letters, digits and -, as in flux-system".to_owned());
    }
    Ok(text.to_owned())
}

/// Takes what can be an image, and no more than one word.
fn image(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("an image is one word, as in registry.example.org/fluxcd/flux:1.25.4".to_owned());
    }
    Ok(text.to_owned())
}

/// Loads state files; everything wrong with them is printed.
pub(super) fn load(paths: &[PathBuf]) -> Result<DesiredState, Failure> {
    for path in paths {
        if !path.exists() {
            return Err(Failure::new(format!("state file {} does not exist", path.display()))
                .hint("give a YAML file, or a directory of them"));
        }
    }
    let state = file::load(paths, &file::SECRETS);
    for issue in &state.issues {
        super::ui::note(format_args!("{issue}"));
    }
    Ok(state)
}

impl TargetArgs {
    /// Loads the state; everything wrong with it is printed.
    pub(super) fn load(&self) -> Result<DesiredState, Failure> {
        load(&self.state)
    }

    /// Adds the Flux v2 controllers to a state, where they would be installed.
    pub(super) fn with_controllers(&self, state: DesiredState) -> Arc<DesiredState> {
        with_controllers(&self.cluster.controllers.settings(self.cluster.operators.images().pull_secret), state)
    }

    pub(super) async fn connect(&self, data: &DataDir) -> Result<Arc<Context>, Failure> {
        self.cluster.connect(data).await
    }
}

impl ClusterArgs {
    pub(super) async fn connect(&self, data: &DataDir) -> Result<Arc<Context>, Failure> {
        self.connect_with(None, AccountPolicy::default(), data).await
    }

    /// Connects; where there is a fence, everything that is written has to pass it.
    pub(super) async fn connect_with(
        &self,
        fence: Option<&Fence>,
        accounts: AccountPolicy,
        data: &DataDir,
    ) -> Result<Arc<Context>, Failure> {
        let kubeconfig = self.kubeconfig.as_deref();
        let cluster = match fence {
            None => Cluster::connect(kubeconfig).await,
            Some(fence) => Cluster::connect_behind(fence, kubeconfig).await,
        };
        let cluster = cluster.map_err(|error| Failure::of(&error))?;
        let version = tokio::time::timeout(Duration::from_secs(20), cluster.client.apiserver_version()).await;
        match version {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                return Err(Failure::new("the API server does not answer")
                    .caused_by(&error)
                    .hint("check the server address and credentials in the kubeconfig"));
            }
            Err(_) => {
                return Err(Failure::new("the API server does not answer within 20 s")
                    .hint("check the server address in the kubeconfig"));
            }
        }
        let mut context = Context::new(cluster, GitCache::new(data.mirrors()), Arc::new(SystemClock));
        context.accounts = accounts;
        context.images = self.operators.images();
        context.controllers = self.controllers.settings(context.images.pull_secret.clone());
        Ok(Arc::new(context))
    }
}

/// Runs a command that waits for others.
pub(super) fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    // An error means that a provider is installed already, which is as good.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Failure::of(&error))?;
    let outcome = runtime.block_on(work);
    // A fetch that cannot be broken off does not hold up the end: nothing of it is written to the cluster.
    runtime.shutdown_timeout(LAST_WORK);
    outcome
}
