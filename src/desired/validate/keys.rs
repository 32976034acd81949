//! Private keys for ssh.
use crate::source::git::{KeyError, public_key_of};
use openssl::pkey::{Id, PKey};

/// What the command line client of the resource says of a key that it cannot use.
const NO_KEY: &str = "Verify the key provided is a valid PEM-formatted key of type RSA, ECC, DSA, or Ed25519";
const ENCRYPTED: &str = "the key is encrypted; give one without a passphrase";

/// Checks that a text is a private key that ssh can use without a passphrase, and gives it in the form that every
/// reader of keys takes: line feeds only, one at the end.
///
/// # Errors
/// Says what is wrong, without any of the key.
pub(super) fn private_key(text: &str) -> Result<String, &'static str> {
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    let is_encrypted = lines.iter().any(|line| {
        line.starts_with("-----BEGIN ENCRYPTED") || (line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED"))
    });
    if is_encrypted {
        return Err(ENCRYPTED);
    }
    let text = lines.join("\n") + "\n";
    if text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") {
        // Kinds that the client takes and servers do not are told by the fetch, with what to do about them.
        return match public_key_of(&text.clone().into()) {
            Ok(_) | Err(KeyError::Dsa | KeyError::WeakRsa { .. } | KeyError::Kind) => Ok(text),
            Err(KeyError::Encrypted) => Err(ENCRYPTED),
            Err(_) => Err(NO_KEY),
        };
    }
    let key = PKey::private_key_from_pem_callback(text.as_bytes(), |_| Ok(0)).ok().ok_or(NO_KEY)?;
    if [Id::RSA, Id::EC, Id::DSA, Id::ED25519].contains(&key.id()) { Ok(text) } else { Err(NO_KEY) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::{dsa::Dsa, ec::EcGroup, ec::EcKey, nid::Nid, rsa::Rsa, symm::Cipher};

    fn pem(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("PEM is a text")
    }

    fn ec() -> EcKey<openssl::pkey::Private> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
        EcKey::generate(&group).expect("a key")
    }

    fn openssh() -> ssh_key::PrivateKey {
        let mut random = ssh_key::rand_core::OsRng;
        ssh_key::PrivateKey::random(&mut random, ssh_key::Algorithm::Ed25519).expect("a key")
    }

    #[test]
    fn every_kind_and_form_of_key_is_taken() {
        let rsa = Rsa::generate(2048).expect("a key");
        let dsa = Dsa::generate(1024).expect("a key");
        let keys = [
            ("RSA, PKCS#1", pem(rsa.private_key_to_pem().expect("PEM"))),
            ("RSA, PKCS#8", pem(PKey::from_rsa(rsa).and_then(|key| key.private_key_to_pem_pkcs8()).expect("PEM"))),
            ("EC, SEC1", pem(ec().private_key_to_pem().expect("PEM"))),
            ("EC, PKCS#8", pem(PKey::from_ec_key(ec()).and_then(|key| key.private_key_to_pem_pkcs8()).expect("PEM"))),
            ("DSA", pem(dsa.private_key_to_pem().expect("PEM"))),
            (
                "Ed25519, PKCS#8",
                pem(PKey::generate_ed25519().and_then(|key| key.private_key_to_pem_pkcs8()).expect("PEM")),
            ),
            ("Ed25519, OpenSSH", openssh().to_openssh(ssh_key::LineEnding::LF).expect("a text").as_str().to_owned()),
        ];
        for (what, key) in keys {
            assert_eq!(private_key(&key).as_deref(), Ok(key.as_str()), "{what}");
            assert_eq!(private_key(key.trim_end()).as_deref(), Ok(key.as_str()), "{what}, without its last line feed");
            assert_eq!(private_key(&key.replace('\n', "\r\n")).as_deref(), Ok(key.as_str()), "{what}, with CRLF");
        }
    }

    #[test]
    fn a_key_with_a_passphrase_is_refused_with_the_reason() {
        let pkcs8 = PKey::from_ec_key(ec()).expect("a key");
        let old = Rsa::generate(2048).and_then(|key| key.private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"x"));
        let new = pkcs8.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"x");
        let openssh = openssh().encrypt(&mut ssh_key::rand_core::OsRng, "x").expect("a key");
        let openssh = openssh.to_openssh(ssh_key::LineEnding::LF).expect("a text").as_str().to_owned();
        for key in [pem(old.expect("PEM")), pem(new.expect("PEM")), openssh] {
            assert_eq!(private_key(&key), Err(ENCRYPTED));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_in_the_words_of_the_client() {
        let public = pem(ec().public_key_to_pem().expect("PEM"));
        let x25519 = PKey::generate_x25519().and_then(|key| key.private_key_to_pem_pkcs8()).expect("PEM");
        let half = pem(ec().private_key_to_pem().expect("PEM"));
        let half = &half[..half.len() / 2];
        for text in [
            "",
            "not a key",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            half,
            &public,
            &pem(x25519),
        ] {
            assert_eq!(private_key(text), Err(NO_KEY), "{text}");
        }
    }
}
