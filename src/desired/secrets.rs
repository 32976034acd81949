//! Where the values of protected settings come from, as a seam: the checks themselves read nothing.
use secrecy::SecretString;
use std::path::Path;

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
        let size =
            std::fs::metadata(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?.len();
        if size > MAX_BYTES {
            return Err(format!("{} is larger than {MAX_BYTES} bytes", path.display()));
        }
        std::fs::read_to_string(path)
            .map(Into::into)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))
    }

    fn env(&self, name: &str) -> Result<SecretString, String> {
        let value = std::env::var_os(name).ok_or_else(|| format!("environment variable {name} is not set"))?;
        value.into_string().map(Into::into).ok().ok_or_else(|| format!("environment variable {name} is not UTF-8"))
    }
}
