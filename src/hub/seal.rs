//! Sealing of what must not be read off the disk: protected settings, and the keys of the control plane itself.
//!
//! AES-256-GCM with a random nonce; the name of what is sealed is authenticated along, so that no sealed value can take
//! the place of another.
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand::fill,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use std::{fmt, io, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

/// Bytes of a key.
const KEY: usize = 32;

/// Seals and opens with one key.
pub struct Seal(RandomizedNonceKey);

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key is none.
    #[error("the key for sealing is not 32 bytes in base64; make one with: head -c 32 /dev/urandom | base64")]
    Key,
    /// The key file cannot be read or made.
    #[error("the key for sealing in {path} cannot be used")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was sealed with another key, or changed since.
    #[error(
        "{what} cannot be opened: it was sealed with another key, or was changed; give the key that the database was made with"
    )]
    Opened {
        /// What was sealed.
        what: String,
    },
}

impl Seal {
    /// Takes a key in base64.
    ///
    /// # Errors
    /// When it is no key.
    pub fn new(key: &SecretString) -> Result<Self, SealError> {
        let bytes = SecretBox::new(Box::new(STANDARD.decode(key.expose_secret().trim()).unwrap_or_default()));
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes.expose_secret());
        key.ok().filter(|_| bytes.expose_secret().len() == KEY).map(Self).ok_or(SealError::Key)
    }

    /// Takes the key from a file, which is made with mode 0600 when it is not there.
    ///
    /// # Errors
    /// When it cannot be read or made, or holds no key.
    pub fn at(path: &Path) -> Result<Self, SealError> {
        let failed = |source| SealError::File { path: path.display().to_string(), source };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::new(&SecretString::from(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0; KEY];
                fill(&mut key).ok().ok_or_else(|| failed(io::Error::other("no random numbers")))?;
                let text = SecretString::from(STANDARD.encode(key));
                let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
                let mut file = file.map_err(failed)?;
                writeln!(file, "{}", text.expose_secret()).and_then(|()| file.sync_all()).map_err(failed)?;
                Self::new(&text)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Seals a text under a name; base64 of nonce and ciphertext.
    pub fn seal(&self, name: &str, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut bytes);
        let nonce = nonce.expect("a text of some megabytes is within the bounds of the cipher");
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut bytes);
        STANDARD.encode(sealed)
    }

    /// Opens what was sealed under the same name.
    ///
    /// # Errors
    /// When it was sealed with another key or under another name, or was changed.
    pub fn open(&self, name: &str, sealed: &str) -> Result<SecretString, SealError> {
        let failed = || SealError::Opened { what: name.to_owned() };
        let mut bytes = STANDARD.decode(sealed).ok().filter(|bytes| bytes.len() > NONCE_LEN).ok_or_else(failed)?;
        let mut text = bytes.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).ok().ok_or_else(failed)?;
        let opened = self.0.open_in_place(nonce, Aad::from(name.as_bytes()), &mut text);
        let opened = opened.ok().ok_or_else(failed)?;
        let text = std::str::from_utf8(opened).ok().ok_or_else(failed)?;
        Ok(SecretString::from(text))
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_name_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let seal = Seal::at(&directory.path().join("a.key")).expect("made");
        let again = Seal::at(&directory.path().join("a.key")).expect("read");
        let other = Seal::at(&directory.path().join("b.key")).expect("made");
        let sealed = seal.seal("web", "S3CRET");
        assert!(!sealed.contains("S3CRET") && sealed != seal.seal("web", "S3CRET"), "never twice the same");
        assert_eq!(again.open("web", &sealed).expect("opened").expose_secret(), "S3CRET");
        assert!(again.open("shop", &sealed).is_err() && other.open("web", &sealed).is_err());
        assert!(again.open("web", "nonsense").is_err() && again.open("web", "").is_err());
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for text in ["", "c2hvcnQ=", "not base64"] {
            assert!(Seal::new(&SecretString::from(text)).is_err(), "{text}");
        }
    }
}
