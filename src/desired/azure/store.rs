//! The last state that was pulled, kept so that a restart while the control plane is away loses nothing.
//!
//! It is compressed, and split where it is larger than an object of a cluster may be. The first part is written last, and
//! names the others by the digest of the whole: a process that is killed in between leaves the state before.
use crate::{
    api::plane::PendingConfigurations,
    cluster::{Kept, Vault, VaultError},
    hex::hex,
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};

/// What the first part is called.
const NAME: &str = "arcwright-desired";
/// Largest part, in bytes: an object of a cluster has 1 MiB at most, with its metadata.
const MAX_PART: usize = 900 << 10;
/// Most parts.
const MAX_PARTS: usize = 64;
/// Largest state in bytes, uncompressed.
const MAX_STATE: u64 = 64 << 20;

/// Whether something of this name is a part of the state that is kept.
pub fn is_part(name: &str) -> bool {
    name.strip_prefix(NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Where the last state is kept, of one cluster.
pub(super) struct Store {
    vault: Vault,
    cluster: String,
    /// Names of the parts beside the first that are there.
    parts: Vec<String>,
    /// Digest of what is there.
    digest: String,
}

impl Store {
    pub(super) fn new(vault: Vault, cluster: &str) -> Self {
        Self { vault, cluster: cluster.to_ascii_lowercase(), parts: Vec::new(), digest: String::new() }
    }

    /// The last state; none where there is none of this cluster, or it is damaged, which is told.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn load(&mut self) -> Result<Option<PendingConfigurations>, VaultError> {
        let Some(head) = self.vault.read(NAME).await? else { return Ok(None) };
        let text =
            |key: &str| head.get(key).and_then(|value| String::from_utf8(value.clone()).ok()).unwrap_or_default();
        let count = text("parts").parse::<usize>().unwrap_or_default().min(MAX_PARTS);
        let digest = text("digest");
        self.parts = (1..count).map(|number| part(&digest, number)).collect();
        let mut bytes = head.get("state").cloned().unwrap_or_default();
        for name in &self.parts {
            let part = self.vault.read(name).await?.and_then(|mut part| part.remove("state"));
            bytes.extend(part.unwrap_or_default());
        }
        if text("cluster") != self.cluster {
            tracing::info!("the state that was kept is that of another cluster, and is not used");
            return Ok(None);
        }
        let state = if hex(&Sha256::digest(&bytes)) == digest { unpacked(&bytes) } else { None };
        match &state {
            Some(_) => self.digest = digest,
            None => {
                tracing::warn!(place = %self.vault, name = NAME, "the state that was kept is damaged, and is not used");
            }
        }
        Ok(state)
    }

    /// Keeps a state in place of the one before.
    ///
    /// # Errors
    /// When it cannot be written: the one before stays.
    pub(super) async fn save(&mut self, state: &PendingConfigurations) -> Result<(), VaultError> {
        let bytes = packed(state);
        let digest = hex(&Sha256::digest(&bytes));
        if digest == self.digest {
            return Ok(());
        }
        let chunks: Vec<&[u8]> = bytes.chunks(MAX_PART).collect();
        if chunks.len() > MAX_PARTS {
            tracing::warn!(bytes = bytes.len(), "what is wanted is too much to be kept over a restart");
            return Ok(());
        }
        let mut parts = Vec::new();
        for (number, chunk) in chunks.iter().enumerate().skip(1) {
            let name = part(&digest, number);
            self.vault.write(&name, &Kept::from([("state".to_owned(), chunk.to_vec())]), None).await?;
            parts.push(name);
        }
        let head = Kept::from([
            ("cluster".to_owned(), self.cluster.clone().into_bytes()),
            ("parts".to_owned(), chunks.len().to_string().into_bytes()),
            ("digest".to_owned(), digest.clone().into_bytes()),
            ("state".to_owned(), chunks.first().copied().unwrap_or_default().to_vec()),
        ]);
        self.vault.write(NAME, &head, None).await?;
        self.digest = digest;
        for name in std::mem::replace(&mut self.parts, parts) {
            self.vault.remove(&name).await?;
        }
        Ok(())
    }
}

fn part(digest: &str, number: usize) -> String {
    let short: String = digest.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    format!("{NAME}-{short}-{number}")
}

fn packed(state: &PendingConfigurations) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    // A vector takes everything, and the state is plain data.
    let written = serde_json::to_vec(state).map_err(std::io::Error::other).and_then(|bytes| out.write_all(&bytes));
    written.and_then(|()| out.finish()).unwrap_or_default()
}

fn unpacked(bytes: &[u8]) -> Option<PendingConfigurations> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).take(MAX_STATE).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::plane::PendingConfiguration;

    /// A state that does not compress.
    fn state(bytes: usize) -> PendingConfigurations {
        let mut chance = fastrand::Rng::with_seed(7);
        let text: String = (0..bytes).map(|_| chance.alphanumeric()).collect();
        let properties = [("text".to_owned(), text.into())].into_iter().collect();
        let one = PendingConfiguration { id: "/a".into(), name: "a".into(), kind: "b".into(), revision: 1, properties };
        PendingConfigurations { configurations: vec![one] }
    }

    fn files(directory: &tempfile::TempDir) -> usize {
        std::fs::read_dir(directory.path()).expect("a directory").count()
    }

    #[tokio::test]
    async fn what_is_kept_comes_back_for_the_same_cluster_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let vault = Vault::Files(directory.path().into());
        let mut store = Store::new(vault.clone(), "/clusters/A");
        assert!(store.load().await.expect("readable").is_none());
        for (bytes, parts) in [(10, 1), (3 << 20, 3), (20, 1)] {
            let state = state(bytes);
            store.save(&state).await.expect("written");
            assert_eq!(files(&directory), parts, "those of the state before are removed");
            let again = Store::new(vault.clone(), "/clusters/a").load().await.expect("readable");
            assert_eq!(again, Some(state));
        }
        assert!(Store::new(vault, "/clusters/b").load().await.expect("readable").is_none());
    }

    #[tokio::test]
    async fn damage_is_no_state() {
        let directory = tempfile::tempdir().expect("a directory");
        let vault = Vault::Files(directory.path().into());
        Store::new(vault.clone(), "/a").save(&state(2 << 20)).await.expect("written");
        let mut head = vault.read(NAME).await.expect("readable").expect("a head");
        head.insert("state".into(), b"other".to_vec());
        vault.write(NAME, &head, None).await.expect("written");
        assert!(Store::new(vault, "/a").load().await.expect("readable").is_none());
    }
}
