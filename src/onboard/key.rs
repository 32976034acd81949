//! The key pair by which a cluster is enrolled.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{pkey::Private, rsa::Rsa};
use secrecy::{ExposeSecret as _, SecretString};

/// Length of a key that is made, in bits.
const BITS: u32 = 4096;
/// Lengths of a key that is brought, in bits.
const TAKEN: std::ops::RangeInclusive<u32> = 2048..=8192;

/// A key pair of RSA.
#[derive(Clone, Debug)]
pub struct OnboardingKey {
    /// PKCS#1 in PEM.
    pub private: SecretString,
    /// The public half: PKCS#1 in DER, in base64, as `agentPublicKeyCertificate` has it.
    pub public: String,
}

/// Why a key is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It could not be made.
    #[error("no key could be made")]
    Make,
    /// It is something else.
    #[error("it is no private key of RSA in PEM; one with a passphrase is not taken")]
    Form,
    /// It has another length.
    #[error("it has {bits} bits, and a key has {} to {}", TAKEN.start(), TAKEN.end())]
    Length {
        /// Its length.
        bits: u32,
    },
    /// Its numbers do not fit each other.
    #[error("its numbers do not make a key")]
    Broken,
}

impl OnboardingKey {
    /// A key of 4096 bits.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let key = Rsa::generate(BITS).ok().ok_or(KeyError::Make)?;
        Self::of(&key).ok_or(KeyError::Make)
    }

    /// Reads a key: PKCS#1 or PKCS#8 in PEM, without a passphrase.
    ///
    /// # Errors
    /// When it is something else, or not of 2048 to 8192 bits.
    pub fn read(pem: &[u8]) -> Result<Self, KeyError> {
        // Without the function, a passphrase would be asked for at the terminal.
        let key = Rsa::private_key_from_pem_callback(pem, |_| Ok(0)).ok().ok_or(KeyError::Form)?;
        let bits = key.n().num_bits().unsigned_abs();
        if !TAKEN.contains(&bits) {
            return Err(KeyError::Length { bits });
        }
        if !key.check_key().unwrap_or(false) {
            return Err(KeyError::Broken);
        }
        Self::of(&key).ok_or(KeyError::Broken)
    }

    fn of(key: &Rsa<Private>) -> Option<Self> {
        let pem = String::from_utf8(key.private_key_to_pem().ok()?).ok()?;
        let public = key.public_key_to_der_pkcs1().ok()?;
        Some(Self { private: SecretString::from(pem), public: STANDARD.encode(public) })
    }

    /// Whether a resource's `agentPublicKeyCertificate` is the public half.
    pub fn is_of(&self, certificate: &str) -> bool {
        let packed: String = certificate.chars().filter(|c| !c.is_whitespace()).collect();
        packed == self.public
    }

    /// A text of somebody else with the key in it masked.
    pub fn masked(&self, text: &str) -> String {
        let lines = self.private.expose_secret().lines().filter(|line| line.len() > 8 && !line.starts_with("-----"));
        lines.fold(text.to_owned(), |text, line| text.replace(line, "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::{ec::EcKey, nid::Nid, pkey::PKey, symm::Cipher};

    fn rsa(bits: u32) -> Rsa<Private> {
        Rsa::generate(bits).expect("a key")
    }

    #[test]
    fn a_key_of_either_form_is_read_as_the_same() {
        let key = rsa(2048);
        let one = OnboardingKey::read(&key.private_key_to_pem().expect("PEM")).expect("PKCS#1");
        let eight = PKey::from_rsa(key.clone()).expect("a key").private_key_to_pem_pkcs8().expect("PEM");
        let eight = OnboardingKey::read(&eight).expect("PKCS#8");
        assert!(one.private.expose_secret().starts_with("-----BEGIN RSA PRIVATE KEY-----"));
        assert_eq!(one.private.expose_secret(), eight.private.expose_secret());
        assert!(one.is_of(&eight.public) && one.is_of(&format!(" {}\n", one.public)));
        let der = STANDARD.decode(&one.public).expect("base64");
        let public = Rsa::public_key_from_der_pkcs1(&der).expect("the public half in PKCS#1");
        assert_eq!(public.n().to_vec(), key.n().to_vec());
        assert!(!format!("{one:?}").contains("PRIVATE KEY"));
    }

    #[test]
    fn what_is_no_such_key_is_refused_and_nobody_is_asked_for_a_passphrase() {
        let locked = rsa(2048).private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"secret").expect("PEM");
        let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
        let elliptic = EcKey::generate(&group).expect("a key").private_key_to_pem().expect("PEM");
        for pem in [b"".as_slice(), b"nonsense", &locked, &elliptic] {
            assert_eq!(OnboardingKey::read(pem).err(), Some(KeyError::Form));
        }
        let short = rsa(1024).private_key_to_pem().expect("PEM");
        assert_eq!(OnboardingKey::read(&short).err(), Some(KeyError::Length { bits: 1024 }));
    }

    #[test]
    fn a_key_is_masked_in_what_others_say() {
        let key = OnboardingKey::read(&rsa(2048).private_key_to_pem().expect("PEM")).expect("a key");
        let line = key.private.expose_secret().lines().nth(3).expect("a line");
        assert_eq!(key.masked(&format!("bad value {line}!")), "bad value ***!");
    }
}
