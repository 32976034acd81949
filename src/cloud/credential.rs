//! Who signs in to a control plane, and where that is.
use secrecy::SecretString;
use serde_json::Value;
use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Largest file of a credential, and of authorities, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A client's credential, as the first start of a hub writes it.
#[derive(Clone, Debug)]
pub struct Credential {
    /// URL of the control plane; empty where it is given otherwise.
    pub endpoint: String,
    /// File with the authorities that the control plane is trusted by, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Tenant in which the client signs in.
    pub tenant: String,
    /// Its id.
    pub client: String,
    /// Its secret.
    pub secret: SecretString,
    /// The subscription that holds its resources.
    pub subscription: String,
}

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is too large.
    #[error("{path} has more than {MAX_FILE} bytes")]
    Size {
        /// The file.
        path: String,
    },
    /// The file is no JSON object.
    #[error("{path} is no credential: line {line} is not JSON")]
    Form {
        /// The file.
        path: String,
        /// Where it is wrong.
        line: usize,
    },
    /// Keys are missing.
    #[error("{path} is no credential: {} missing, or no text", listed(.keys))]
    Keys {
        /// The file.
        path: String,
        /// What is missing.
        keys: Vec<&'static str>,
    },
}

fn listed(keys: &[&str]) -> String {
    format!("{} {}", keys.join(", "), if keys.len() == 1 { "is" } else { "are" })
}

impl Credential {
    /// Reads a file with the keys `endpoint`, `caFile`, `tenantId`, `clientId`, `clientSecret` and `subscriptionId`.
    ///
    /// The first two may be left. A `caFile` that is not absolute is looked for beside the file, and then in the directory
    /// of the process.
    ///
    /// # Errors
    /// When it cannot be read, or is something else. No error repeats what stands in it.
    pub fn read(path: &Path) -> Result<Self, CredentialError> {
        let shown = path.display().to_string();
        let bytes = read_bounded(path)?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| CredentialError::Form { path: shown.clone(), line: error.line() })?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let needed = ["tenantId", "clientId", "clientSecret", "subscriptionId"];
        let missing: Vec<_> = needed.into_iter().filter(|key| text(key).is_empty()).collect();
        if !missing.is_empty() {
            return Err(CredentialError::Keys { path: shown, keys: missing });
        }
        let ca_file = Some(text("caFile")).filter(|file| !file.is_empty()).map(|file| {
            let beside = path.parent().unwrap_or(Path::new("")).join(&file);
            if beside.exists() { beside } else { PathBuf::from(file) }
        });
        Ok(Self {
            endpoint: text("endpoint").trim_end_matches('/').to_owned(),
            ca_file,
            tenant: text("tenantId"),
            client: text("clientId"),
            secret: SecretString::from(text("clientSecret")),
            subscription: text("subscriptionId"),
        })
    }
}

/// Reads a file of at most 1 MiB.
///
/// # Errors
/// When it cannot be read, or is larger.
pub fn read_bounded(path: &Path) -> Result<Vec<u8>, CredentialError> {
    let shown = || path.display().to_string();
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    let count = read.map_err(|source| CredentialError::File { path: shown(), source })?;
    if u64::try_from(count).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(CredentialError::Size { path: shown() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn read(text: &str) -> Result<Credential, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("c.json");
        std::fs::write(&path, text).expect("a file");
        std::fs::write(directory.path().join("ca.pem"), "").expect("a file");
        Credential::read(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    }

    #[test]
    fn the_owners_file_of_a_hub_is_read() {
        let credential = read(
            r#"{"endpoint": "https://hub:8443/", "caFile": "ca.pem", "tenantId": "t", "clientId": "c",
                "clientSecret": "S3CRET", "subscriptionId": "s"}"#,
        )
        .expect("fine");
        assert_eq!(credential.endpoint, "https://hub:8443");
        assert_eq!(credential.secret.expose_secret(), "S3CRET");
        assert!(credential.ca_file.as_ref().is_some_and(|file| file.is_absolute()), "it is beside the file");
        assert!(!format!("{credential:?}").contains("S3CRET"));
    }

    #[test]
    fn what_is_no_credential_is_told_without_what_stands_in_it() {
        for (text, said) in [
            (
                r#"{"tenantId": "t", "clientSecret": 5}"#,
                "clientId, clientSecret, subscriptionId are missing, or no text",
            ),
            (r#"["S3CRET"]"#, "tenantId, clientId, clientSecret, subscriptionId are missing, or no text"),
            ("{\n\"clientSecret\": S3CRET", "line 2 is not JSON"),
        ] {
            assert_eq!(read(text).expect_err(text), format!("FILE is no credential: {said}"));
        }
    }
}
