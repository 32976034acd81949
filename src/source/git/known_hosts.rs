//! Which ssh hosts are known, and by which keys. There is no trust on first use.
//!
//! Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
use super::FetchError;
use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use ssh2::{CheckResult, KnownHostFileKind, Session};

/// Most bytes of a known hosts text.
const MAX_BYTES: usize = 1 << 20;

/// The lines of a known_hosts text that name one host.
pub(super) struct KnownHost {
    host: String,
    /// Keys in the wire form.
    keys: Vec<Vec<u8>>,
    revoked: Vec<Vec<u8>>,
    /// Why a line that may have been meant for the host is of no use.
    unusable: Option<&'static str>,
    is_empty: bool,
}

impl KnownHost {
    /// Finds the lines for `host`, which is named as in the file: `host`, or `[host]:port`. Hashed names are found too.
    ///
    /// # Errors
    /// When the text is too long, or libssh2 has no memory.
    pub(super) fn find(text: &str, host: &str) -> Result<Self, FetchError> {
        let failed = |why: &str| FetchError::HostKeyUnknown {
            host: host.to_owned(),
            offered: "a key".to_owned(),
            why: format!("; {why}"),
        };
        if text.len() > MAX_BYTES {
            return Err(failed("they are longer than 1 MiB"));
        }
        let mut found =
            Self { host: host.to_owned(), keys: Vec::new(), revoked: Vec::new(), unusable: None, is_empty: true };
        let session = Session::new().ok().ok_or_else(|| failed("libssh2 could not be started"))?;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            found.is_empty = false;
            found.line(&session, line);
        }
        Ok(found)
    }

    fn line(&mut self, session: &Session, line: &str) {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        match first {
            // Whatever the host pattern says, a key that was revoked for anyone is not trusted.
            "@revoked" => self.revoked.extend(words.nth(2).and_then(decoded)),
            "@cert-authority" => self.unusable = Some("@cert-authority lines are not supported"),
            _ if first.starts_with('@') => self.unusable = Some("a line has a marker that is not known"),
            _ if first.contains(['*', '?', '!']) => {
                self.unusable = Some("host patterns with *, ? or ! are not supported");
            }
            _ => {
                let key = words.nth(1).and_then(decoded);
                self.keys.extend(key.filter(|key| names(session, line, &self.host, key)));
            }
        }
    }

    /// Names of the algorithms by which the host's known keys are proven, best first; empty when none is known.
    pub(super) fn algorithms(&self) -> Vec<&'static str> {
        let is_known = |kind: &str| self.keys.iter().any(|key| kind_of(key) == kind);
        let all = [
            ("ssh-ed25519", &["ssh-ed25519"][..]),
            ("ecdsa-sha2-nistp256", &["ecdsa-sha2-nistp256"]),
            ("ecdsa-sha2-nistp384", &["ecdsa-sha2-nistp384"]),
            ("ecdsa-sha2-nistp521", &["ecdsa-sha2-nistp521"]),
            ("ssh-rsa", &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]),
        ];
        all.into_iter().filter(|(kind, _)| is_known(kind)).flat_map(|(_, names)| names.iter().copied()).collect()
    }

    /// Judges the key that the host offers, in the wire form.
    ///
    /// # Errors
    /// When no line vouches for it, or it is revoked, or another key of its type is known.
    pub(super) fn check(&self, key: &[u8]) -> Result<(), FetchError> {
        let kind = kind_of(key);
        let fingerprint = base64::engine::general_purpose::STANDARD_NO_PAD.encode(Sha256::digest(key));
        let (host, offered) = (self.host.clone(), format!("{kind} SHA256:{fingerprint}"));
        if self.revoked.iter().any(|revoked| revoked == key) {
            let why = "the key is marked @revoked in the known hosts".to_owned();
            return Err(FetchError::HostKeyRejected { host, offered, why });
        }
        if self.keys.iter().any(|known| known == key) {
            return Ok(());
        }
        if self.keys.iter().any(|known| kind_of(known) == kind) {
            let why = "the known hosts have another key for it. Either the host has a new key (then replace its line), or something stands in between".to_owned();
            return Err(FetchError::HostKeyRejected { host, offered, why });
        }
        let known: Vec<String> = self.keys.iter().map(|key| kind_of(key)).collect();
        let why = if !known.is_empty() {
            format!(
                "; they have {} for it: add the lines that `ssh-keyscan` prints, after checking them",
                known.join(", ")
            )
        } else if let Some(why) = self.unusable {
            format!("; {why}: write a line with the host's own name and key")
        } else if self.is_empty {
            "; none are given, and no host is trusted without: give the lines that `ssh-keyscan` prints, after checking them".to_owned()
        } else {
            String::new()
        };
        Err(FetchError::HostKeyUnknown { host, offered, why })
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Whether a line, whose key is `key`, is for a host. libssh2 compares the names, hashed ones too.
fn names(session: &Session, line: &str, host: &str, key: &[u8]) -> bool {
    let Ok(mut known) = session.known_hosts() else { return false };
    // A line in a form that libssh2 does not know cannot vouch for anyone.
    known.read_str(line, KnownHostFileKind::OpenSSH).is_ok() && matches!(known.check(host, key), CheckResult::Match)
}

/// The type that a key in the wire form names.
fn kind_of(key: &[u8]) -> String {
    let name = key
        .first_chunk::<4>()
        .and_then(|length| usize::try_from(u32::from_be_bytes(*length)).ok())
        .and_then(|length| key.get(4..length.checked_add(4)?));
    name.map_or_else(|| "unknown".to_owned(), super::text::tame)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: &str, body: u8) -> Vec<u8> {
        let mut key = u32::try_from(kind.len()).expect("short").to_be_bytes().to_vec();
        key.extend(kind.as_bytes());
        key.extend([0, 0, 0, 32]);
        key.extend([body; 32]);
        key
    }

    fn line(host: &str, key: &[u8]) -> String {
        format!("{host} {} {}\n", kind_of(key), base64::engine::general_purpose::STANDARD.encode(key))
    }

    fn judge(host: &str, known: &str, key: &[u8]) -> Result<(), FetchError> {
        KnownHost::find(known, host)?.check(key)
    }

    #[test]
    fn only_a_line_for_this_host_port_and_key_is_trusted() {
        let (good, other) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2));
        let known = line("example.org,192.0.2.1", &good) + &line("[example.org]:2222", &other);
        assert!(judge("example.org", &known, &good).is_ok());
        assert!(judge("192.0.2.1", &known, &good).is_ok());
        assert!(judge("[example.org]:2222", &known, &other).is_ok());
        assert!(matches!(judge("example.org", &known, &other), Err(FetchError::HostKeyRejected { .. })));
        assert!(matches!(judge("[example.org]:2222", &known, &good), Err(FetchError::HostKeyRejected { .. })));
        assert!(matches!(judge("elsewhere.org", &known, &good), Err(FetchError::HostKeyUnknown { .. })));
        for nothing in ["", "# comment\n\n", "\u{feff}\0garbage", "example.org", "example.org ssh-ed25519 %%%"] {
            assert!(
                matches!(judge("example.org", nothing, &good), Err(FetchError::HostKeyUnknown { .. })),
                "{nothing}"
            );
        }
    }

    #[test]
    fn another_type_of_key_is_unknown_and_not_changed() {
        let (rsa, ed25519) = (key("ssh-rsa", 1), key("ssh-ed25519", 1));
        let error = judge("example.org", &line("example.org", &rsa), &ed25519).expect_err("unknown").to_string();
        assert!(error.contains("they have ssh-rsa for it"), "{error}");
        let known = KnownHost::find(&line("example.org", &rsa), "example.org").expect("lines");
        assert_eq!(known.algorithms(), ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]);
        assert!(KnownHost::find("", "example.org").expect("no lines").algorithms().is_empty());
    }

    #[test]
    fn revoked_keys_are_refused_and_unsupported_lines_are_named() {
        let good = key("ssh-ed25519", 1);
        let revoked = line("example.org", &good) + "@revoked " + &line("*", &good);
        assert!(
            matches!(judge("example.org", &revoked, &good), Err(FetchError::HostKeyRejected { why, .. }) if why.contains("@revoked"))
        );
        let authority = format!("@cert-authority {}", line("*.example.org", &good));
        assert!(
            matches!(judge("a.example.org", &authority, &good), Err(FetchError::HostKeyUnknown { why, .. }) if why.contains("@cert-authority"))
        );
        let pattern = line("*.example.org", &good);
        assert!(
            matches!(judge("a.example.org", &pattern, &good), Err(FetchError::HostKeyUnknown { why, .. }) if why.contains("patterns"))
        );
        assert!(matches!(judge("a", &"x".repeat(2 << 20), &good), Err(FetchError::HostKeyUnknown { .. })));
    }
}
