//! Private keys in OpenSSH's own form.
//!
//! Source: PROTOCOL.key of OpenSSH. Read here, since the crate that writes them does not read every one of
//! them: a number that happens to begin with a zero byte is too short for it.
use super::{KeyError, key::unreadable};
use base64::Engine as _;
use openssl::{
    bn::{BigNum, BigNumContext, BigNumRef},
    ec::{EcGroup, EcKey, EcPoint},
    error::ErrorStack,
    nid::Nid,
    pkey::{Id, PKey, Private},
    rsa::Rsa,
};

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// A private key and what its owner calls it.
pub(super) struct OpenSshKey {
    pub(super) private: PrivateNumbers,
    pub(super) comment: String,
}

/// What a private key is made of; big-endian numbers.
pub(super) enum PrivateNumbers {
    Rsa { n: Vec<u8>, e: Vec<u8>, d: Vec<u8>, iqmp: Vec<u8>, p: Vec<u8>, q: Vec<u8> },
    Ecdsa { curve: Nid, point: Vec<u8>, number: Vec<u8> },
    Ed25519 { seed: Vec<u8> },
}

impl OpenSshKey {
    /// Reads a key.
    ///
    /// # Errors
    /// When it is none, is encrypted, or is of a kind that is not used.
    pub(super) fn read(text: &str) -> Result<Self, KeyError> {
        let body = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(body, _)| body);
        let body: String = body.ok_or(KeyError::Unreadable)?.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(body).map_err(unreadable)?;
        let mut outer = Fields(bytes.strip_prefix(MAGIC).ok_or(KeyError::Unreadable)?);
        let cipher = outer.string()?;
        outer.string()?;
        outer.string()?;
        if cipher != b"none" {
            return Err(KeyError::Encrypted);
        }
        if outer.number()? != 1 {
            return Err(KeyError::Unreadable);
        }
        outer.string()?;
        let mut inner = Fields(outer.string()?);
        if inner.number()? != inner.number()? {
            return Err(KeyError::Unreadable);
        }
        let private = PrivateNumbers::read(&mut inner)?;
        let comment = String::from_utf8_lossy(inner.string()?).into_owned();
        Ok(Self { private, comment })
    }
}

impl PrivateNumbers {
    fn read(fields: &mut Fields<'_>) -> Result<Self, KeyError> {
        let kind = fields.string()?;
        let mut next = || fields.string().map(<[u8]>::to_vec);
        let curve = match kind {
            b"ssh-rsa" => {
                let (n, e, d, iqmp, p, q) = (next()?, next()?, next()?, next()?, next()?, next()?);
                return Ok(Self::Rsa { n, e, d, iqmp, p, q });
            }
            b"ssh-ed25519" => {
                next()?;
                // The seed, and the public half once more.
                let seed = next()?.get(..32).ok_or(KeyError::Unreadable)?.to_vec();
                return Ok(Self::Ed25519 { seed });
            }
            b"ssh-dss" => return Err(KeyError::Dsa),
            b"ecdsa-sha2-nistp256" => Nid::X9_62_PRIME256V1,
            b"ecdsa-sha2-nistp384" => Nid::SECP384R1,
            b"ecdsa-sha2-nistp521" => Nid::SECP521R1,
            _ => return Err(KeyError::Kind),
        };
        next()?;
        let (point, number) = (next()?, next()?);
        Ok(Self::Ecdsa { curve, point, number })
    }

    /// The key as OpenSSL has it.
    pub(super) fn to_pkey(&self) -> Result<PKey<Private>, KeyError> {
        let key = match self {
            Self::Rsa { n, e, d, iqmp, p, q } => rsa([n, e, d, iqmp, p, q]),
            Self::Ecdsa { curve, point, number } => ecdsa(*curve, point, number),
            Self::Ed25519 { seed } => PKey::private_key_from_raw_bytes(seed, Id::ED25519),
        };
        key.map_err(unreadable)
    }
}

fn rsa(numbers: [&Vec<u8>; 6]) -> Result<PKey<Private>, ErrorStack> {
    let [n, e, d, iqmp, p, q] = numbers.map(|number| BigNum::from_slice(number));
    let (d, p, q) = (d?, p?, q?);
    let one = BigNum::from_u32(1)?;
    let mut context = BigNumContext::new_secure()?;
    let mut rest = |prime: &BigNumRef| {
        let (mut less, mut rest) = (BigNum::new()?, BigNum::new()?);
        less.checked_sub(prime, &one)?;
        rest.nnmod(&d, &less, &mut context).map(|()| rest)
    };
    let (dmp1, dmq1) = (rest(&p)?, rest(&q)?);
    PKey::from_rsa(Rsa::from_private_components(n?, e?, d, p, q, dmp1, dmq1, iqmp?)?)
}

fn ecdsa(curve: Nid, point: &[u8], number: &[u8]) -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(curve)?;
    let mut context = BigNumContext::new_secure()?;
    let point = EcPoint::from_bytes(&group, point, &mut context)?;
    let key = EcKey::from_private_components(&group, &*BigNum::from_slice(number)?, &point)?;
    key.check_key()?;
    PKey::from_ec_key(key)
}

/// Fields that each say how long they are.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Result<u32, KeyError> {
        let (number, rest) = self.0.split_first_chunk::<4>().ok_or(KeyError::Unreadable)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    fn string(&mut self) -> Result<&'a [u8], KeyError> {
        let length = usize::try_from(self.number()?).map_err(unreadable)?;
        let (field, rest) = self.0.split_at_checked(length).ok_or(KeyError::Unreadable)?;
        self.0 = rest;
        Ok(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(to: &mut Vec<u8>, field: &[u8]) {
        to.extend(u32::try_from(field.len()).expect("short").to_be_bytes());
        to.extend(field);
    }

    fn armoured(bytes: &[u8]) -> String {
        format!("{BEGIN}\n{}\n{END}\n", base64::engine::general_purpose::STANDARD.encode(bytes))
    }

    /// A P-256 key whose private number is `number`, written without its leading zeros.
    fn written(number: &[u8]) -> String {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
        let mut context = BigNumContext::new().expect("a context");
        let mut point = EcPoint::new(&group).expect("a point");
        point.mul_generator2(&group, &BigNum::from_slice(number).expect("a number"), &mut context).expect("a point");
        let form = openssl::ec::PointConversionForm::UNCOMPRESSED;
        let point = point.to_bytes(&group, form, &mut context).expect("a point");
        let mut inner = vec![0, 0, 0, 7, 0, 0, 0, 7];
        string(&mut inner, b"ecdsa-sha2-nistp256");
        string(&mut inner, b"nistp256");
        string(&mut inner, &point);
        string(&mut inner, number);
        string(&mut inner, b"me\x1b[2J@here");
        let mut outer = MAGIC.to_vec();
        for field in [&b"none"[..], b"none", b""] {
            string(&mut outer, field);
        }
        outer.extend([0, 0, 0, 1]);
        string(&mut outer, b"");
        string(&mut outer, &inner);
        armoured(&outer)
    }

    #[test]
    fn a_number_of_any_length_is_read() {
        for length in [1, 2, 16, 30, 31, 32] {
            let text = written(&vec![0x7f; length]);
            let public = crate::source::git::public_key_of(&text.into()).expect("a key");
            assert!(public.starts_with("ecdsa-sha2-nistp256 ") && public.ends_with(" me [2J@here"), "{public}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), keep in 0..300_usize) {
            drop(OpenSshKey::read(&armoured(&[MAGIC, &bytes].concat())));
            let good = written(&[0x7f; 32]);
            drop(OpenSshKey::read(good.get(..keep.min(good.len())).unwrap_or_default()));
        }
    }
}
