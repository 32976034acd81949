//! What the agent keeps for itself: Secrets of its own namespace, or files of its data directory where it has none.
use super::{
    ClusterError,
    deadline::{READ, WRITE, answered},
    secrets::secret_id,
};
use crate::{model::FIELD_MANAGER, runtime::file::replace};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams},
};
use std::{collections::BTreeMap, io, os::unix::fs::DirBuilderExt as _, path::PathBuf};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Entries of a thing that is kept. They count as secrets, and are not shown.
pub type Kept = BTreeMap<String, Vec<u8>>;

/// Why something is not kept, or not found.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The API server.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The disk.
    #[error("{} cannot be {what}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Where things are kept.
#[derive(Clone)]
pub enum Vault {
    /// In Secrets of a namespace.
    Secrets {
        /// The client.
        client: Client,
        /// The namespace.
        namespace: String,
    },
    /// In files of a directory, which only their owner reads.
    Files(PathBuf),
}

impl Vault {
    /// In the namespace of a client.
    pub fn of(client: &Client) -> Self {
        Self::Secrets { client: client.clone(), namespace: client.default_namespace().to_owned() }
    }

    /// Reads a thing; none when it is not there.
    ///
    /// # Errors
    /// When the API server does not answer or refuses, or the file cannot be read or is none.
    pub async fn read(&self, name: &str) -> Result<Option<Kept>, VaultError> {
        match self {
            Self::Secrets { client, namespace } => {
                let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
                let id = secret_id(namespace, name);
                let found = answered(READ, || format!("reading {id}"), api.get_opt(name)).await?;
                let found = found.map_err(|error| ClusterError::of(&id, "reading", error))?;
                Ok(found.map(|secret| secret.data.into_iter().flatten().map(|(key, value)| (key, value.0)).collect()))
            }
            Self::Files(directory) => {
                let path = directory.join(format!("{name}.json"));
                let of_file = |source| VaultError::File { path: path.clone(), what: "read", source };
                let read = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(&read)).await;
                read.map_err(|error| of_file(io::Error::other(error)))?.map_err(of_file)
            }
        }
    }

    /// Writes a thing as a whole, with all of its entries.
    ///
    /// # Errors
    /// When the API server does not answer or refuses, or the file cannot be written.
    pub async fn write(&self, name: &str, entries: &Kept, owner: Option<OwnerReference>) -> Result<(), VaultError> {
        match self {
            Self::Secrets { client, namespace } => {
                let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
                let id = secret_id(namespace, name);
                let data = entries.iter().map(|(key, value)| (key.clone(), ByteString(value.clone()))).collect();
                let secret = Secret {
                    metadata: ObjectMeta {
                        name: Some(name.to_owned()),
                        owner_references: owner.map(|owner| vec![owner]),
                        ..ObjectMeta::default()
                    },
                    data: Some(data),
                    type_: Some("Opaque".to_owned()),
                    ..Secret::default()
                };
                let (parameters, patch) = (PatchParams::apply(FIELD_MANAGER).force(), Patch::Apply(&secret));
                let request = api.patch(name, &parameters, &patch);
                let done = answered(WRITE, || format!("applying {id}"), request).await?;
                done.map(drop).map_err(|error| ClusterError::of(&id, "applying", error).into())
            }
            Self::Files(directory) => {
                let path = directory.join(format!("{name}.json"));
                let of_file = |source| VaultError::File { path: path.clone(), what: "written", source };
                let (written, entries) = (path.clone(), entries.clone());
                let written = tokio::task::spawn_blocking(move || write_file(&written, &entries)).await;
                written.map_err(|error| of_file(io::Error::other(error)))?.map_err(of_file)
            }
        }
    }

    /// Removes a thing, if it is there.
    ///
    /// # Errors
    /// When the API server does not answer or refuses, or the file cannot be removed.
    pub async fn remove(&self, name: &str) -> Result<(), VaultError> {
        match self {
            Self::Secrets { client, namespace } => {
                let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
                let id = secret_id(namespace, name);
                let parameters = DeleteParams::default();
                match answered(WRITE, || format!("deleting {id}"), api.delete(name, &parameters)).await? {
                    Ok(_) => Ok(()),
                    Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                    Err(error) => Err(ClusterError::of(&id, "deleting", error).into()),
                }
            }
            Self::Files(directory) => {
                let path = directory.join(format!("{name}.json"));
                match tokio::fs::remove_file(&path).await {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        Err(VaultError::File { path, what: "removed", source })
                    }
                    Ok(()) | Err(_) => Ok(()),
                }
            }
        }
    }
}

impl std::fmt::Display for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secrets { namespace, .. } => write!(f, "namespace {namespace}"),
            Self::Files(directory) => write!(f, "directory {}", directory.display()),
        }
    }
}

fn read_file(path: &std::path::Path) -> io::Result<Option<Kept>> {
    use std::io::Read as _;
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    let damaged = || io::Error::other("it is damaged; remove it, and what it held is had anew");
    let entries: BTreeMap<String, String> = serde_json::from_slice(&bytes).ok().ok_or_else(damaged)?;
    let decoded = entries.into_iter().map(|(key, value)| Some((key, STANDARD.decode(value).ok()?)));
    decoded.collect::<Option<Kept>>().map(Some).ok_or_else(damaged)
}

fn write_file(path: &std::path::Path, entries: &Kept) -> io::Result<()> {
    let directory = path.parent().unwrap_or(std::path::Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let entries: BTreeMap<&String, String> = entries.iter().map(|(key, value)| (key, STANDARD.encode(value))).collect();
    replace(path, 0o600, |out| serde_json::to_writer(out, &entries).map_err(io::Error::other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn a_file_is_its_owners_alone_and_damage_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let vault = Vault::Files(directory.path().join("identity"));
        assert!(vault.read("thing").await.expect("readable").is_none());
        let kept = Kept::from([("key".to_owned(), b"S3CRET\xff".to_vec())]);
        vault.write("thing", &kept, None).await.expect("written");
        assert_eq!(vault.read("thing").await.expect("readable"), Some(kept));
        let path = directory.path().join("identity/thing.json");
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "{").expect("written");
        assert!(vault.read("thing").await.is_err());
        vault.remove("thing").await.expect("removed");
        vault.remove("thing").await.expect("gone already");
        assert!(vault.read("thing").await.expect("readable").is_none());
    }
}
