//! Which controllers a cluster has, of which versions, and whether this engine can use them. Pure.
use super::CONTROLLERS;
use crate::model::{OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, configuration::ConfigurationId, flux::FluxSource};
use serde_json::Value;

/// Oldest release of either controller that is used: the first whose kinds are `v1`.
const OLDEST: u64 = 1;

/// One controller that runs in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// `source-controller` or `kustomize-controller`.
    pub part: &'static str,
    /// Namespace of its Deployment.
    pub namespace: String,
    /// Name of its Deployment.
    pub name: String,
    /// Version, as its image or its Deployment says; none when neither does.
    pub version: Option<String>,
    /// Whether a pod of it is available.
    pub is_available: bool,
    /// The configuration whose labels the Deployment carries.
    pub owner: Option<ConfigurationId>,
}

/// `apiVersion` of each kind, as the API server serves it; empty when it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apis {
    /// Of a GitRepository.
    pub git: String,
    /// Of a Bucket.
    pub bucket: String,
    /// Of an OCIRepository.
    pub oci: String,
    /// Of a Kustomization.
    pub kustomization: String,
}

impl Apis {
    /// Of a source.
    fn of(&self, source: &FluxSource) -> &str {
        match source {
            FluxSource::Git { .. } => &self.git,
            FluxSource::Bucket(_) => &self.bucket,
            FluxSource::Oci(_) => &self.oci,
        }
    }
}

/// What was found of Flux in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The controllers; at most one of each part.
    pub controllers: Vec<Controller>,
    /// The kinds.
    pub apis: Apis,
}

/// Why the controllers of a cluster cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// A controller is not there.
    #[error("no {part} of Flux was found in the cluster; install Flux, or let the agent do it: `--install-flux`")]
    NoController {
        /// Which.
        part: &'static str,
    },
    /// A controller is too old.
    #[error(
        "{part} {version} in namespace {namespace} is too old: engine flux-v2 needs 1.0 or later (Flux 2.0); upgrade Flux"
    )]
    TooOld {
        /// Which.
        part: &'static str,
        /// Where.
        namespace: String,
        /// Its version.
        version: String,
    },
    /// A kind is not served in a version that can be used.
    #[error(
        "the API server does not have kind {kind} of Flux in a version that engine flux-v2 knows (v1, or v1beta2 of a Bucket or OCIRepository); upgrade Flux"
    )]
    NoKind {
        /// Which.
        kind: &'static str,
    },
}

impl Lack {
    /// The condition's reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoController { .. } => "FluxNotInstalled",
            Self::TooOld { .. } | Self::NoKind { .. } => "FluxTooOld",
        }
    }
}

impl Found {
    /// The controller of a part.
    pub fn controller(&self, part: &str) -> Option<&Controller> {
        self.controllers.iter().find(|one| one.part == part)
    }

    /// Whether a pod of a controller is available.
    pub fn runs(&self, part: &str) -> bool {
        self.controller(part).is_some_and(|one| one.is_available)
    }

    /// Whether what was found can work on a source of a kind.
    ///
    /// # Errors
    /// When something is missing or too old; what is wrong is named.
    pub fn can_use(&self, source: &FluxSource) -> Result<(), Lack> {
        for part in CONTROLLERS {
            let controller = self.controller(part).ok_or(Lack::NoController { part })?;
            let version = controller.version.as_deref();
            if let Some(version) = version.filter(|version| major(version).is_some_and(|major| major < OLDEST)) {
                let (namespace, version) = (controller.namespace.clone(), version.to_owned());
                return Err(Lack::TooOld { part, namespace, version });
            }
        }
        for (kind, api) in [(source.kind(), self.apis.of(source)), ("Kustomization", self.apis.kustomization.as_str())]
        {
            if api.is_empty() {
                return Err(Lack::NoKind { kind });
            }
        }
        Ok(())
    }

    /// What was found, in one line: `source-controller v1.9.1 and kustomize-controller v1.9.4 of namespace flux-system`.
    pub fn told(&self) -> String {
        let version = |one: &Controller| one.version.clone().unwrap_or_else(|| "of an unknown version".to_owned());
        let all: Vec<String> = self.controllers.iter().map(|one| format!("{} {}", one.part, version(one))).collect();
        let namespace = self.controllers.first().map_or("", |one| one.namespace.as_str());
        format!("{} of namespace {namespace}", all.join(" and "))
    }
}

/// The controllers among some Deployments, by label, image or name; of several of a part, the first that is available.
pub fn controllers_in(deployments: &[Value]) -> Vec<Controller> {
    let of = |part: &'static str| {
        let all: Vec<Controller> = deployments.iter().filter_map(|one| controller(one, part)).collect();
        let at = all.iter().position(|one| one.is_available).unwrap_or(0);
        all.into_iter().nth(at)
    };
    CONTROLLERS.into_iter().filter_map(of).collect()
}

fn controller(deployment: &Value, part: &'static str) -> Option<Controller> {
    let text = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_str);
    let label = |key: &str| deployment.pointer("/metadata/labels")?.get(key)?.as_str();
    let containers = deployment.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let images = containers.into_iter().flatten().filter_map(|one| one.get("image")?.as_str());
    let image = images.into_iter().find(|image| repository(image).rsplit('/').next() == Some(part));
    let is_labelled = label("app.kubernetes.io/component") == Some(part);
    let name = text("/metadata/name")?;
    if image.is_none() && !(is_labelled && (name == part || label("app.kubernetes.io/part-of") == Some("flux"))) {
        return None;
    }
    let owner =
        |name: &str, namespace: &str| ConfigurationId { namespace: namespace.to_owned(), name: name.to_owned() };
    let available = deployment.pointer("/status/availableReplicas").and_then(Value::as_u64).unwrap_or(0);
    Some(Controller {
        part,
        namespace: text("/metadata/namespace")?.to_owned(),
        name: name.to_owned(),
        version: image.and_then(tag).map(str::to_owned),
        is_available: available > 0,
        owner: label(OWNER_NAME_LABEL)
            .zip(label(OWNER_NAMESPACE_LABEL))
            .map(|(name, namespace)| owner(name, namespace)),
    })
}

/// An image without tag and digest.
fn repository(image: &str) -> &str {
    let bare = image.split('@').next().unwrap_or_default();
    let path = bare.rfind('/').map_or(0, |slash| slash + 1);
    bare[path..].find(':').map_or(bare, |colon| &bare[..path + colon])
}

/// The tag of an image.
pub(super) fn tag(image: &str) -> Option<&str> {
    let bare = image.split('@').next().unwrap_or_default();
    bare.strip_prefix(repository(image))?.strip_prefix(':')
}

fn major(version: &str) -> Option<u64> {
    version.trim_start_matches('v').split(['.', '-', '+']).next()?.parse().ok()
}
