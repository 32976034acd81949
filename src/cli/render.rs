//! `arcwright render`: what `kustomize build` prints.
use super::{Failure, Outcome, context::DataDir, remotes::Fetcher};
use crate::render::{
    self, Options, Order,
    remote::{Remote, Remotes},
    tree::{DirectoryTree, FileTree, MemoryTree},
};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

#[derive(Debug, Args)]
pub(super) struct RenderArgs {
    /// Directory with a kustomization; with --enable-remote also the address of one in a repository
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Which files a kustomization may load: LoadRestrictionsRootOnly or LoadRestrictionsNone
    #[arg(long, default_value = "LoadRestrictionsRootOnly", value_name = "RULE")]
    load_restrictor: Restrictor,
    /// Add the label app.kubernetes.io/managed-by to every object
    #[arg(long)]
    enable_managedby_label: bool,
    /// Render Helm charts, with the helm program
    #[arg(long)]
    enable_helm: bool,
    /// The helm program
    #[arg(long, default_value = "helm", value_name = "PROGRAM")]
    helm_command: PathBuf,
    /// Version of Kubernetes for charts that name none
    #[arg(long, default_value = "", value_name = "VERSION")]
    helm_kube_version: String,
    /// API version that charts find which name none; may be given several times
    #[arg(long, value_name = "VERSION")]
    helm_api_versions: Vec<String>,
    /// Ask helm for more output, and show all of it when it fails
    #[arg(long)]
    helm_debug: bool,
    /// Fetch resources and components that are elsewhere, by git or HTTP
    #[arg(long)]
    enable_remote: bool,
    /// Order of the objects: legacy (by kind) or none (as loaded)
    #[arg(long, default_value = "legacy", value_name = "ORDER")]
    reorder: Reorder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Restrictor {
    #[value(name = "LoadRestrictionsRootOnly", alias = "rootOnly")]
    RootOnly,
    #[value(name = "LoadRestrictionsNone", alias = "none")]
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Reorder {
    Legacy,
    None,
}

pub(super) fn run(args: &RenderArgs, data: &DataDir) -> Outcome {
    let (tree, path) = place(args)?;
    let helm = render::helm::Access {
        command: args.enable_helm.then(|| args.helm_command.clone()),
        environment: render::helm::environment(std::env::vars_os()),
        kube_version: args.helm_kube_version.clone(),
        api_versions: args.helm_api_versions.clone(),
        debug: args.helm_debug,
        limits: render::helm::Limits::default(),
    };
    let options = Options {
        order: match args.reorder {
            Reorder::Legacy => Order::Legacy,
            Reorder::None => Order::Fifo,
        },
        load_restriction: args.load_restrictor == Restrictor::RootOnly,
        managed_by_label: args.enable_managedby_label,
        helm,
        remotes: remotes(args, data)?,
        ..Options::of_kustomize()
    };
    let mut out = std::io::stdout().lock();
    render::write_yaml(&*tree, &path, &options, &mut out).map_err(|error| shown(&error, &path, &args.dir))?;
    Ok(ExitCode::SUCCESS)
}

/// Where to render: a directory of this machine, or the address of one elsewhere, where that is allowed.
fn place(args: &RenderArgs) -> Result<(Box<dyn FileTree>, String), Failure> {
    let address = args.dir.to_str().filter(|text| Remote::parse(text).is_some() && !args.dir.exists());
    match address {
        Some(address) if args.enable_remote => Ok((Box::new(MemoryTree::default()), address.to_owned())),
        Some(_) => Err(Failure::new(format!("no such directory: {}", args.dir.display()))
            .hint("--enable-remote fetches repositories")),
        None => {
            let (tree, path) = DirectoryTree::for_build(&args.dir).map_err(|error| Failure::of(&error))?;
            Ok((Box::new(tree), path))
        }
    }
}

/// An error whose files are named as they were on the command line.
fn shown(error: &render::RenderError, path: &str, directory: &Path) -> Failure {
    let mut failure = Failure::of(error);
    let named = directory.display().to_string();
    let named = named.trim_end_matches('/');
    for message in std::iter::once(&mut failure.message).chain(&mut failure.causes) {
        *message = message
            .replace(&format!("{path}/"), &format!("{named}/"))
            .replace(&format!("{path:?}"), &format!("{named:?}"));
    }
    failure
}

/// Who fetches what is elsewhere, where that is allowed.
fn remotes(args: &RenderArgs, data: &DataDir) -> Result<Option<Arc<dyn Remotes>>, Failure> {
    if !args.enable_remote {
        return Ok(None);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let fetcher = Fetcher::new(data.mirrors(), home.as_deref()).map_err(|error| Failure::of(&error))?;
    Ok(Some(Arc::new(fetcher)))
}
