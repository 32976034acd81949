//! Where the values of protected settings come from, as a seam: the checks themselves read nothing.
use super::stamp::Stamp;
use crate::model::Door;
use secrecy::SecretString;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
};

/// Largest file that a secret is read from, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Gives the values that `protectedSettingsFrom` names.
pub trait SecretSource: Send + Sync {
    /// The content of a file, as it is.
    ///
    /// # Errors
    /// Says why it cannot be had, without any of the content.
    fn file(&self, path: &Path) -> Result<SecretString, String>;

    /// The value of an environment variable, as it is.
    ///
    /// # Errors
    /// Says why it cannot be had, without any of the content.
    fn env(&self, name: &str) -> Result<SecretString, String>;
}

/// The process's own files and environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessSecrets;

impl SecretSource for ProcessSecrets {
    fn file(&self, path: &Path) -> Result<SecretString, String> {
        let shown = path.display();
        let unreadable = |error: std::io::Error| format!("{shown} cannot be read: {error}");
        // Opening a pipe would wait for its writer.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(format!("{shown} is not a file"));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!("{shown} is larger than {MAX_BYTES} bytes"));
        }
        String::from_utf8(bytes).map(Into::into).ok().ok_or_else(|| format!("{shown} is not UTF-8"))
    }

    fn env(&self, name: &str) -> Result<SecretString, String> {
        let value = std::env::var_os(name).ok_or_else(|| format!("environment variable {name} is not set"))?;
        value.into_string().map(Into::into).ok().ok_or_else(|| format!("environment variable {name} is not UTF-8"))
    }
}

/// What a door says of a document that reaches for the agent's own files or environment.
const OUT_OF_REACH: &str = "is out of reach of a custom resource, whose author need not be the owner of the agent's machine: name a Secret with secretRef";
/// As [`OUT_OF_REACH`], of a control plane's.
const OUT_OF_REACH_OF_AZURE: &str = "is out of reach of a control plane, whose users need not be the owners of the agent's machine: give the value in configurationProtectedSettings, or name a Secret with secretRef";

/// What a document may reach beside itself, which its door decides.
///
/// A state file may name files, of which relative paths start at its directory and which are known afterwards, and
/// variables of the environment. A custom resource may not, nor what comes from a control plane, nor a repository on the
/// agent's machine: who may create one must not read that machine.
pub(super) struct Reader<'a> {
    source: Option<&'a dyn SecretSource>,
    door: Door,
    directory: PathBuf,
    files: RefCell<BTreeMap<PathBuf, Option<Stamp>>>,
}

impl<'a> Reader<'a> {
    /// For a document of a state file in a directory.
    pub(super) fn new(source: &'a dyn SecretSource, directory: &Path, door: Door) -> Self {
        Self { source: Some(source), door, directory: directory.to_owned(), files: RefCell::default() }
    }

    /// For a custom resource.
    pub(super) fn of_cluster() -> Self {
        Self { source: None, door: Door::Cluster, directory: PathBuf::new(), files: RefCell::default() }
    }

    /// For what comes from a control plane.
    pub(super) fn of_azure(door: Door) -> Self {
        Self { source: None, door, directory: PathBuf::new(), files: RefCell::default() }
    }

    fn out_of_reach(&self) -> &'static str {
        if matches!(self.door, Door::Azure(_)) { OUT_OF_REACH_OF_AZURE } else { OUT_OF_REACH }
    }

    /// The door that the document came in by.
    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// Whether a repository may be on the agent's machine.
    pub(super) fn may_be_local(&self) -> bool {
        self.source.is_some()
    }

    /// A path as the state file means it.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    pub(super) fn file(&self, path: &str) -> Result<SecretString, String> {
        // Not even whether there is such a file is to be found out.
        let source = self.source.ok_or_else(|| format!("a file {}", self.out_of_reach()))?;
        let path = self.resolve(path);
        // Before it is read: a change in between is then seen as one.
        let stamp = Stamp::of(&path);
        let value = source.file(&path);
        self.files.borrow_mut().insert(path, stamp);
        value
    }

    pub(super) fn env(&self, name: &str) -> Result<SecretString, String> {
        self.source.ok_or_else(|| format!("the environment {}", self.out_of_reach()))?.env(name)
    }

    /// The files that were asked for, readable or not.
    pub(super) fn files(self) -> BTreeMap<PathBuf, Option<Stamp>> {
        self.files.into_inner()
    }
}
