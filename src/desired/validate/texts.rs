//! Values that stand in base64.
use super::super::Problem;
use base64::Engine as _;

/// The text that a field holds in base64, if it does.
pub(super) fn decoded(field: &str, value: Option<&str>, problems: &mut Vec<Problem>) -> Option<String> {
    let compact: String = value?.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    match &text {
        None => {
            problems.push(Problem::new(field, "must be base64 of a UTF-8 text").hint("make it with `base64 -w0 FILE`"));
        }
        Some(text) if text.trim().is_empty() => problems.push(Problem::new(field, "is empty").hint("leave it out")),
        Some(_) => {}
    }
    text
}

/// The certificates of a PEM bundle that a field holds in base64.
pub(super) fn certificates(field: &str, value: Option<&str>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = decoded(field, value, problems)?;
    let all = openssl::x509::X509::stack_from_pem(text.as_bytes()).unwrap_or_default();
    if all.is_empty() && !text.trim().is_empty() {
        problems.push(Problem::new(field, "holds no PEM certificate").hint(
            "give the certificates of the authorities, each from BEGIN CERTIFICATE to END CERTIFICATE, in base64",
        ));
    }
    Some(text)
}

/// The known_hosts file that a field holds in base64.
///
/// Source: sshd(8), the known_hosts file format: marker (optional), hosts, key type, key in base64.
pub(super) fn known_hosts(field: &str, value: Option<&str>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = decoded(field, value, problems)?;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') && !is_known_hosts_entry(line) {
            problems.push(
                Problem::new(
                    field,
                    format!("line {} is no known_hosts entry: hosts, key type, key in base64", number + 1),
                )
                .hint("use the output of ssh-keyscan"),
            );
        }
    }
    Some(text)
}

fn is_known_hosts_entry(line: &str) -> bool {
    let mut words = line.split_whitespace().peekable();
    if let Some(marker) = words.next_if(|word| word.starts_with('@'))
        && marker != "@cert-authority"
        && marker != "@revoked"
    {
        return false;
    }
    let (Some(_hosts), Some(kind), Some(key)) = (words.next(), words.next(), words.next()) else { return false };
    // A key begins with the name of its type, as a string with a length of four bytes before it.
    let is_of_kind = |key: &[u8]| key.get(4..4 + kind.len()) == Some(kind.as_bytes());
    base64::engine::general_purpose::STANDARD.decode(key).is_ok_and(|key| is_of_kind(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn lines_of_a_known_hosts_file_are_told_from_others() {
        for (line, is_entry) in [
            (format!("github.com ssh-ed25519 {KEY}"), true),
            (format!("a,b ssh-ed25519 {KEY} a comment"), true),
            (format!("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 {KEY}"), true),
            (format!("[a]:2222 ssh-ed25519 {KEY}"), true),
            (format!("@cert-authority *.org ssh-ed25519 {KEY}"), true),
            (format!("@revoked * ssh-ed25519 {KEY}"), true),
            (format!("@trusted a ssh-ed25519 {KEY}"), false),
            (format!("a ssh-rsa {KEY}"), false),
            (format!("ssh-ed25519 {KEY}"), false),
            ("a ssh-ed25519 !!!".to_owned(), false),
            ("a ssh-ed25519".to_owned(), false),
            ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), false),
        ] {
            assert_eq!(is_known_hosts_entry(&line), is_entry, "{line}");
        }
    }
}
