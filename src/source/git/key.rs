//! Keys for ssh.
use secrecy::{ExposeSecret as _, SecretString};

/// A key pair made here.
pub struct GeneratedKey {
    /// The private half, as OpenSSH writes it.
    pub private: SecretString,
    /// The public half, as a line of `authorized_keys`.
    pub public: String,
}

/// Why a key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is no private key that is understood.
    #[error("the private key cannot be read; give an unencrypted RSA, ECDSA or Ed25519 key in PEM or OpenSSH form")]
    Unreadable,
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
/// When the key is not understood, or is encrypted.
pub fn public_key_of(private: &SecretString) -> Result<String, KeyError> {
    let text = private.expose_secret();
    if let Ok(key) = ssh_key::PrivateKey::from_openssh(text.trim_start()) {
        return key.public_key().to_openssh().map_err(KeyError::Generate);
    }
    let key = openssl::pkey::PKey::private_key_from_pem_callback(text.as_bytes(), |_| Ok(0))
        .ok()
        .ok_or(KeyError::Unreadable)?;
    let unreadable = |_: openssl::error::ErrorStack| KeyError::Unreadable;
    let data = if let Ok(rsa) = key.rsa() {
        let number = |number: &openssl::bn::BigNumRef| {
            ssh_key::Mpint::from_positive_bytes(&number.to_vec()).map_err(KeyError::Generate)
        };
        ssh_key::public::KeyData::Rsa(ssh_key::public::RsaPublicKey { e: number(rsa.e())?, n: number(rsa.n())? })
    } else if let Ok(ec) = key.ec_key() {
        let mut context = openssl::bn::BigNumContext::new().map_err(unreadable)?;
        let point = ec
            .public_key()
            .to_bytes(ec.group(), openssl::ec::PointConversionForm::UNCOMPRESSED, &mut context)
            .map_err(unreadable)?;
        ssh_key::public::KeyData::Ecdsa(
            ssh_key::public::EcdsaPublicKey::from_sec1_bytes(&point).map_err(KeyError::Generate)?,
        )
    } else {
        let raw: [u8; 32] = key.raw_public_key().map_err(unreadable)?.try_into().ok().ok_or(KeyError::Unreadable)?;
        ssh_key::public::KeyData::Ed25519(ssh_key::public::Ed25519PublicKey(raw))
    };
    ssh_key::PublicKey::from(data).to_openssh().map_err(KeyError::Generate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_half_of_a_generated_key_is_found_again() {
        let key = generate_key("shop").expect("a key");
        let public = public_key_of(&key.private).expect("a public key");
        assert!(public.starts_with("ecdsa-sha2-nistp384 "), "{public}");
        assert_eq!(public.split(' ').nth(1), key.public.split(' ').nth(1));
        assert!(public_key_of(&"nonsense".to_owned().into()).is_err());
    }
}
