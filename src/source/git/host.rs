//! Whether the other side is the one it should be: known hosts for ssh, authorities for https.
use super::{FetchError, RepoUrl};
use git2::{CertificateCheckStatus, cert::Cert};
use openssl::{
    stack::Stack,
    x509::{X509, X509StoreContext, store::X509StoreBuilder, verify::X509VerifyParam},
};
use sha2::{Digest as _, Sha256};
use ssh2::{CheckResult, KnownHostFileKind, Session};

/// Judges what the other side shows.
///
/// An ssh host is accepted only by a line of `known_hosts` for its name and port; there is no trust
/// on first use. An https certificate is accepted by `ca_bundle`, or else judged by the system's authorities.
pub(super) fn check(
    url: &RepoUrl,
    known_hosts: Option<&str>,
    ca_bundle: Option<&str>,
    shown: &Cert<'_>,
) -> Result<CertificateCheckStatus, FetchError> {
    if let Some(host) = shown.as_hostkey() {
        let key = host.hostkey().ok_or_else(|| FetchError::HostKeyUnknown {
            host: url.known_hosts_name(),
            offered: "a key that cannot be read".to_owned(),
            why: String::new(),
        })?;
        check_host_key(url, known_hosts.unwrap_or_default(), key)?;
        return Ok(CertificateCheckStatus::CertificateOk);
    }
    if let (Some(bundle), Some(certificate)) = (ca_bundle, shown.as_x509())
        && is_signed_by(bundle, certificate.data(), url.host())
    {
        return Ok(CertificateCheckStatus::CertificateOk);
    }
    Ok(CertificateCheckStatus::CertificatePassthrough)
}

/// The type that a key in the wire form names, and its fingerprint.
fn describe(key: &[u8]) -> (String, String) {
    use base64::Engine as _;
    let name = key
        .get(..4)
        .and_then(|length| <[u8; 4]>::try_from(length).ok())
        .map(u32::from_be_bytes)
        .and_then(|length| usize::try_from(length).ok());
    let name = name
        .and_then(|length| key.get(4..length.checked_add(4)?))
        .map(|name| String::from_utf8_lossy(name).into_owned());
    let fingerprint = base64::engine::general_purpose::STANDARD_NO_PAD.encode(Sha256::digest(key));
    (name.unwrap_or_else(|| "unknown".to_owned()), format!("SHA256:{fingerprint}"))
}

fn check_host_key(url: &RepoUrl, known_hosts: &str, key: &[u8]) -> Result<(), FetchError> {
    use base64::Engine as _;
    let host = url.known_hosts_name();
    let (kind, fingerprint) = describe(key);
    let encoded = base64::engine::general_purpose::STANDARD.encode(key);
    let offered = format!("{kind} {fingerprint}");
    let rejected =
        |why: &str| FetchError::HostKeyRejected { host: host.clone(), offered: offered.clone(), why: why.to_owned() };
    let mut unsupported = Vec::new();
    let mut plain = Vec::new();
    for line in known_hosts.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("@revoked") {
            // Whatever the host pattern says, a key that was revoked for anyone is not trusted.
            if rest.split_whitespace().nth(2) == Some(encoded.as_str()) {
                return Err(rejected("the key is marked @revoked in the known hosts"));
            }
        } else if line.starts_with("@cert-authority") {
            unsupported.push("@cert-authority lines are not supported");
        } else if line.split_whitespace().next().is_some_and(|hosts| hosts.contains(['*', '?', '!'])) {
            unsupported.push("host patterns with *, ? or ! are not supported");
        } else {
            plain.push(line);
        }
    }
    let unusable = |_: ssh2::Error| FetchError::HostKeyUnknown {
        host: host.clone(),
        offered: offered.clone(),
        why: "the known hosts could not be read".to_owned(),
    };
    let mut known = Session::new().and_then(|session| session.known_hosts()).map_err(unusable)?;
    for line in &plain {
        // A line in a form that libssh2 does not know cannot vouch for anyone.
        known.read_str(line, KnownHostFileKind::OpenSSH).ok();
    }
    match known.check(&host, key) {
        CheckResult::Match => Ok(()),
        CheckResult::Mismatch => {
            Err(rejected("the known hosts have another key for it: the host was changed, or something stands between"))
        }
        CheckResult::NotFound | CheckResult::Failure => {
            let is_named = |line: &&&str| {
                line.split_whitespace().next().is_some_and(|hosts| hosts.split(',').any(|name| name == host))
            };
            let kinds: Vec<&str> =
                plain.iter().filter(is_named).filter_map(|line| line.split_whitespace().nth(1)).collect();
            let why = if !kinds.is_empty() {
                format!(
                    "; they have {} for it, but the host offers {kind}: add all lines that `ssh-keyscan` prints",
                    kinds.join(", ")
                )
            } else if plain.is_empty() && unsupported.is_empty() {
                "; none are given".to_owned()
            } else {
                unsupported
                    .first()
                    .map(|text| format!("; {text}: write a line with the host's own name and key"))
                    .unwrap_or_default()
            };
            Err(FetchError::HostKeyUnknown { host, offered, why })
        }
    }
}

/// Whether a certificate is for a host and signed by an authority of a PEM bundle.
fn is_signed_by(bundle: &str, certificate: &[u8], host: &str) -> bool {
    let verify = || -> Result<bool, openssl::error::ErrorStack> {
        let leaf = X509::from_der(certificate)?;
        let mut store = X509StoreBuilder::new()?;
        for authority in X509::stack_from_pem(bundle.as_bytes())? {
            store.add_cert(authority)?;
        }
        let mut parameters = X509VerifyParam::new()?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<std::net::IpAddr>() {
            Ok(address) => parameters.set_ip(address)?,
            Err(_) => parameters.set_host(bare)?,
        }
        store.set_param(&parameters)?;
        X509StoreContext::new()?.init(
            &store.build(),
            &leaf,
            Stack::new()?.as_ref(),
            openssl::x509::X509StoreContextRef::verify_cert,
        )
    };
    verify().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn key(kind: &str, body: u8) -> Vec<u8> {
        let mut key = u32::try_from(kind.len()).expect("short").to_be_bytes().to_vec();
        key.extend(kind.as_bytes());
        key.extend([0, 0, 0, 32]);
        key.extend([body; 32]);
        key
    }

    fn line(host: &str, key: &[u8]) -> String {
        format!("{host} ssh-ed25519 {}\n", base64::engine::general_purpose::STANDARD.encode(key))
    }

    fn judge(url: &str, known: &str, key: &[u8]) -> Result<(), FetchError> {
        check_host_key(&RepoUrl::parse(url, false).expect("a url"), known, key)
    }

    #[test]
    fn only_a_line_for_this_host_port_and_key_is_trusted() {
        let (good, other) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2));
        let known = line("example.org", &good) + &line("[example.org]:2222", &other);
        assert!(judge("git@example.org:a", &known, &good).is_ok());
        assert!(judge("ssh://git@example.org:2222/a", &known, &other).is_ok());
        assert!(matches!(judge("git@example.org:a", &known, &other), Err(FetchError::HostKeyRejected { .. })));
        assert!(matches!(
            judge("ssh://git@example.org:2222/a", &known, &good),
            Err(FetchError::HostKeyRejected { .. })
        ));
        assert!(matches!(judge("git@elsewhere.org:a", &known, &good), Err(FetchError::HostKeyUnknown { .. })));
        assert!(matches!(judge("git@example.org:a", "", &good), Err(FetchError::HostKeyUnknown { .. })));
    }

    #[test]
    fn revoked_keys_are_refused_and_unsupported_lines_are_named() {
        let good = key("ssh-ed25519", 1);
        let revoked = line("example.org", &good) + "@revoked " + &line("*", &good);
        assert!(
            matches!(judge("git@example.org:a", &revoked, &good), Err(FetchError::HostKeyRejected { why, .. }) if why.contains("@revoked"))
        );
        let authority = format!("@cert-authority {}", line("*.example.org", &good));
        assert!(
            matches!(judge("git@a.example.org:a", &authority, &good), Err(FetchError::HostKeyUnknown { why, .. }) if why.contains("@cert-authority"))
        );
        let pattern = line("*.example.org", &good);
        assert!(
            matches!(judge("git@a.example.org:a", &pattern, &good), Err(FetchError::HostKeyUnknown { why, .. }) if why.contains("patterns"))
        );
    }
}
