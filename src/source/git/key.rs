//! Private keys for ssh: read in every form that people have, made where they have none.
use super::{openssh::OpenSshKey, text::tame};
use openssl::pkey::{Id, PKey, Private};
use secrecy::{ExposeSecret as _, SecretString};

/// Longest text of a private key. An RSA key of 16 384 bits takes 13 KiB.
const MAX_BYTES: usize = 64 << 10;
/// Shortest RSA key, in bits.
const MIN_RSA_BITS: u32 = 2048;

/// A key pair made here.
pub struct GeneratedKey {
    /// The private half, as OpenSSH writes it.
    pub private: SecretString,
    /// The public half, as a line of `authorized_keys`.
    pub public: String,
}

/// Why a key could not be made or read. None of the texts holds any of the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is no private key that is understood.
    #[error("it cannot be read; give an RSA, ECDSA or Ed25519 key in OpenSSH or PEM form")]
    Unreadable,
    /// It is encrypted.
    #[error(
        "it is encrypted, and there is nobody to ask for the passphrase; give it without (ssh-keygen -p -N '' -f FILE)"
    )]
    Encrypted,
    /// It is too long for a key.
    #[error("it is {bytes} bytes long, and a key is {MAX_BYTES} at most")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// It is a DSA key.
    #[error("it is a DSA key, which ssh servers do not accept any more; make another (ssh-keygen -t ed25519)")]
    Dsa,
    /// It is an RSA key that is too short.
    #[error("it is an RSA key of {bits} bits, and {MIN_RSA_BITS} are needed; make another (ssh-keygen -t ed25519)")]
    WeakRsa {
        /// Its length.
        bits: u32,
    },
    /// It is a kind of key that ssh has not, or that needs a token.
    #[error("it is of a kind that cannot be used here; give an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key")]
    Kind,
    /// It is the public half.
    #[error("it is the public half; give the private one (the file without .pub)")]
    PublicHalf,
    /// It is in PuTTY's form.
    #[error("it is in PuTTY's form; export it in OpenSSH's (puttygen FILE -O private-openssh)")]
    Putty,
    /// The machine gave no random numbers, or the key could not be written.
    #[error("no key could be made")]
    Generate(#[source] ssh_key::Error),
}

/// Makes an ECDSA P-384 key pair.
///
/// # Errors
/// When the machine gives no random numbers.
pub fn generate_key(comment: &str) -> Result<GeneratedKey, KeyError> {
    let algorithm = ssh_key::Algorithm::Ecdsa { curve: ssh_key::EcdsaCurve::NistP384 };
    let mut key = ssh_key::PrivateKey::random(&mut ssh_key::rand_core::OsRng, algorithm).map_err(KeyError::Generate)?;
    key.set_comment(comment);
    let private = key.to_openssh(ssh_key::LineEnding::LF).map_err(KeyError::Generate)?;
    let public = key.public_key().to_openssh().map_err(KeyError::Generate)?;
    Ok(GeneratedKey { private: private.as_str().to_owned().into(), public })
}

/// The public half of a private key, as a line of `authorized_keys`.
///
/// # Errors
/// When the key is not understood, is encrypted or too weak.
pub fn public_key_of(private: &SecretString) -> Result<String, KeyError> {
    SshKey::read(private).map(|key| key.public)
}

/// A private key in the one form in which it is handed to libssh2, and its public half.
#[derive(Debug)]
pub(super) struct SshKey {
    /// RSA and ECDSA as PKCS#8, Ed25519 as OpenSSH writes it.
    pub(super) private: SecretString,
    /// A line of `authorized_keys`.
    pub(super) public: String,
}

impl SshKey {
    /// Reads a key in OpenSSH's form, PKCS#8, PKCS#1 or SEC1; line ends and blank space around do not matter.
    ///
    /// # Errors
    /// When it is none, is encrypted, or is of a kind that is not used.
    pub(super) fn read(private: &SecretString) -> Result<Self, KeyError> {
        let text = private.expose_secret();
        if text.len() > MAX_BYTES {
            return Err(KeyError::TooLarge { bytes: text.len() });
        }
        let text: SecretString = format!("{}\n", text.replace("\r\n", "\n").replace('\r', "\n").trim()).into();
        let text = text.expose_secret();
        match form(text)? {
            Form::OpenSsh => from_openssh(text),
            Form::Pem => from_pem(text),
        }
    }

    fn of_pkey(key: &PKey<Private>) -> Result<Self, KeyError> {
        let data = match key.id() {
            Id::RSA => public_rsa(key)?,
            Id::EC => public_ecdsa(key)?,
            Id::ED25519 => {
                let seed: [u8; 32] = key.raw_private_key().map_err(unreadable)?.try_into().map_err(unreadable)?;
                let pair = ssh_key::private::Ed25519Keypair::from_seed(&seed);
                return Self::of_openssh(&ssh_key::PrivateKey::from(pair));
            }
            Id::DSA => return Err(KeyError::Dsa),
            _ => return Err(KeyError::Kind),
        };
        let pem = key.private_key_to_pem_pkcs8().map_err(unreadable)?;
        let public = ssh_key::PublicKey::from(data).to_openssh().map_err(unreadable)?;
        Ok(Self { private: String::from_utf8(pem).map_err(unreadable)?.into(), public })
    }

    fn of_openssh(key: &ssh_key::PrivateKey) -> Result<Self, KeyError> {
        let private = key.to_openssh(ssh_key::LineEnding::LF).map_err(unreadable)?;
        let public = key.public_key().to_openssh().map_err(unreadable)?;
        Ok(Self { private: private.as_str().to_owned().into(), public })
    }
}

/// What was wrong with a key is not told: a parser's message could quote it.
pub(super) fn unreadable<E>(_: E) -> KeyError {
    KeyError::Unreadable
}

enum Form {
    OpenSsh,
    Pem,
}

/// The form that the first lines name.
fn form(text: &str) -> Result<Form, KeyError> {
    let label = |label: &str| text.contains(&format!("-----BEGIN {label}-----"));
    if label("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        Err(KeyError::Encrypted)
    } else if label("OPENSSH PRIVATE KEY") {
        Ok(Form::OpenSsh)
    } else if label("DSA PRIVATE KEY") {
        Err(KeyError::Dsa)
    } else if label("PRIVATE KEY") || label("RSA PRIVATE KEY") || label("EC PRIVATE KEY") {
        Ok(Form::Pem)
    } else if label("PUBLIC KEY") || text.starts_with("ssh-") || text.starts_with("ecdsa-") || label("SSH2 PUBLIC KEY")
    {
        Err(KeyError::PublicHalf)
    } else if text.starts_with("PuTTY-User-Key-File") {
        Err(KeyError::Putty)
    } else {
        Err(KeyError::Unreadable)
    }
}

fn from_pem(text: &str) -> Result<SshKey, KeyError> {
    // The callback keeps OpenSSL from asking for a passphrase on the terminal.
    let key = PKey::private_key_from_pem_callback(text.as_bytes(), |_| Ok(0)).map_err(unreadable)?;
    SshKey::of_pkey(&key)
}

fn from_openssh(text: &str) -> Result<SshKey, KeyError> {
    let key = OpenSshKey::read(text)?;
    let private = key.private.to_pkey()?;
    let mut read = SshKey::of_pkey(&private)?;
    if !key.comment.is_empty() {
        // The only form with a comment, by which people tell their keys apart.
        read.public = format!("{} {}", read.public, tame(key.comment.as_bytes()));
    }
    Ok(read)
}

fn public_rsa(key: &PKey<Private>) -> Result<ssh_key::public::KeyData, KeyError> {
    let rsa = key.rsa().map_err(unreadable)?;
    let bits = rsa.size().saturating_mul(8);
    if bits < MIN_RSA_BITS {
        return Err(KeyError::WeakRsa { bits });
    }
    let number =
        |number: &openssl::bn::BigNumRef| ssh_key::Mpint::from_positive_bytes(&number.to_vec()).map_err(unreadable);
    Ok(ssh_key::public::KeyData::Rsa(ssh_key::public::RsaPublicKey { e: number(rsa.e())?, n: number(rsa.n())? }))
}

fn public_ecdsa(key: &PKey<Private>) -> Result<ssh_key::public::KeyData, KeyError> {
    use openssl::nid::Nid;
    let key = key.ec_key().map_err(unreadable)?;
    // Others have keys of the same length.
    if !matches!(key.group().curve_name(), Some(Nid::X9_62_PRIME256V1 | Nid::SECP384R1 | Nid::SECP521R1)) {
        return Err(KeyError::Kind);
    }
    let mut context = openssl::bn::BigNumContext::new().map_err(unreadable)?;
    let form = openssl::ec::PointConversionForm::UNCOMPRESSED;
    let point = key.public_key().to_bytes(key.group(), form, &mut context).map_err(unreadable)?;
    let public = ssh_key::public::EcdsaPublicKey::from_sec1_bytes(&point).ok().ok_or(KeyError::Kind)?;
    Ok(ssh_key::public::KeyData::Ecdsa(public))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(key: &PKey<Private>) -> String {
        String::from_utf8(key.private_key_to_pem_pkcs8().expect("a key")).expect("text")
    }

    fn rsa(bits: u32) -> PKey<Private> {
        PKey::from_rsa(openssl::rsa::Rsa::generate(bits).expect("a key")).expect("a key")
    }

    fn read(text: &str) -> Result<SshKey, KeyError> {
        SshKey::read(&text.to_owned().into())
    }

    #[test]
    fn the_public_half_of_a_generated_key_is_found_again() {
        let key = generate_key("shop").expect("a key");
        let public = public_key_of(&key.private).expect("a public key");
        assert!(public.starts_with("ecdsa-sha2-nistp384 "), "{public}");
        assert_eq!(public, key.public);
        assert!(public.ends_with(" shop"), "{public}");
    }

    #[test]
    fn line_ends_and_space_around_do_not_matter() {
        let text = pem(&PKey::generate_ed25519().expect("a key"));
        let public = read(&text).expect("a key").public;
        for text in [text.replace('\n', "\r\n"), text.trim().to_owned(), format!("\n\n  {text}\n\n")] {
            assert_eq!(read(&text).expect("a key").public, public);
        }
    }

    #[test]
    fn what_is_no_usable_key_is_told_apart() {
        let encrypted =
            rsa(2048).private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_256_cbc(), b"x").expect("a key");
        let curve = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::SECP256K1).expect("a curve");
        let odd = PKey::from_ec_key(openssl::ec::EcKey::generate(&curve).expect("a key")).expect("a key");
        let dsa = PKey::from_dsa(openssl::dsa::Dsa::generate(1024).expect("a key")).expect("a key");
        for (text, says) in [
            (String::from_utf8(encrypted).expect("text"), "encrypted"),
            (pem(&rsa(1024)), "1024 bits"),
            (pem(&dsa), "DSA"),
            (pem(&odd), "of a kind"),
            ("ssh-ed25519 AAAA me".to_owned(), "public half"),
            ("PuTTY-User-Key-File-3: ssh-ed25519".to_owned(), "PuTTY"),
            ("nonsense".to_owned(), "cannot be read"),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----".to_owned(),
                "cannot be read",
            ),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----".to_owned(), "cannot be read"),
            ("x".repeat(1 << 20), "1048576 bytes"),
            (String::new(), "cannot be read"),
        ] {
            let error = read(&text).expect_err(says).to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
    }
}
