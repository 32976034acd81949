//! How a repository is reached, and what may be given for it.
use super::{
    super::{Problem, secrets::Reader},
    protected::Protected,
};
use crate::{
    model::configuration::SecretRef,
    source::git::{RepoUrl, UrlError},
};
use std::path::Path;

/// What a repository is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Https,
    Http,
    Ssh,
    /// `git://`, without any proof of who is who.
    Git,
    /// A directory of this machine.
    Local,
}

/// Which forms of address a kind takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forms {
    /// `http[s]://`, `git://`, `ssh://`, `user@server:path`.
    FluxV1,
    /// `http[s]://`, `ssh://`, `git@server:path`.
    FluxV2,
}

/// The field of the address, and of what is given beside the protected settings and belongs to one transport.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) url: &'a str,
    pub(super) known_hosts: Option<&'a str>,
    pub(super) https_user: Option<&'a str>,
    pub(super) https_ca_cert: Option<&'a str>,
    /// Whether whoever asks the repository knows some hosts by itself.
    pub(super) knows_hosts: bool,
}

/// Checks an address. Directories of this machine are allowed where the door is the machine's own.
pub(super) fn transport(
    field: &str,
    url: &str,
    forms: Forms,
    reach: &Reader<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Transport> {
    let parsed = match RepoUrl::parse(url, reach.may_be_local()) {
        Ok(parsed) => parsed,
        Err(why @ UrlError::Local) => {
            let hint = format!("{}; or state it in a state file of the agent", usual(forms));
            problems.push(Problem::new(field, why.to_string()).hint(hint));
            return None;
        }
        Err(why) => {
            problems.push(Problem::new(field, why.to_string()).hint(usual(forms)));
            return None;
        }
    };
    if parsed.is_local() {
        return Some(Transport::Local);
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        scp_like(field, url, forms, problems);
        return Some(Transport::Ssh);
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
        problems.push(
            Problem::new(field, "holds a password, and addresses are shown in statuses and logs")
                .hint("give the user in httpsUser and the password as httpsKey, in protectedSettingsFrom"),
        );
    }
    match (scheme.to_ascii_lowercase().as_str(), forms) {
        ("https", _) => Some(Transport::Https),
        ("http", _) => Some(Transport::Http),
        ("ssh", _) => Some(Transport::Ssh),
        ("git", Forms::FluxV1) => Some(Transport::Git),
        ("git", Forms::FluxV2) => {
            problems.push(
                Problem::new(field, "begins with git://, which a FluxConfiguration does not take")
                    .hint("use https:// or ssh://"),
            );
            None
        }
        (other, _) => {
            problems.push(Problem::new(field, format!("begins with {other}://")).hint(usual(forms)));
            None
        }
    }
}

fn usual(forms: Forms) -> &'static str {
    match forms {
        Forms::FluxV1 => "use http[s]://server/repo, git://server/repo, ssh://user@server/repo or user@server:repo",
        Forms::FluxV2 => "use https://server/repo, http://server/repo, ssh://user@server/repo or git@server:repo",
    }
}

/// `user@server:path`, which is ssh.
fn scp_like(field: &str, url: &str, forms: Forms, problems: &mut Vec<Problem>) {
    let user = url.split_once(':').and_then(|(authority, _)| authority.split_once('@')).map(|(user, _)| user);
    match (user, forms) {
        (Some("git"), _) => {}
        (Some(user), Forms::FluxV1) if !user.is_empty() => {}
        (Some(user), Forms::FluxV2) if !user.is_empty() => problems.push(
            Problem::new(field, format!("names the user {user:?}, and this form is for git@ alone"))
                .hint("use ssh://user@server/repo"),
        ),
        _ => problems.push(Problem::new(field, "names no user").hint(usual(forms))),
    }
}

/// Refuses what belongs to another transport: an ssh key for https, a password for ssh.
pub(super) fn transport_rules(
    transport: Option<Transport>,
    found: &Protected,
    fields: Fields<'_>,
    problems: &mut Vec<Problem>,
) {
    let Some(transport) = transport else { return };
    let name = match transport {
        Transport::Https | Transport::Http => "http(s)",
        Transport::Ssh => "ssh",
        Transport::Git => "git://",
        Transport::Local => "a directory of this machine",
    };
    let for_ssh = [found.field_of("sshPrivateKey"), fields.known_hosts];
    let for_https = [found.field_of("httpsUser"), fields.https_user, found.field_of("httpsKey"), fields.https_ca_cert];
    let (wrong_ssh, wrong_https) = match transport {
        Transport::Https | Transport::Http => (true, false),
        Transport::Ssh => (false, true),
        Transport::Git | Transport::Local => (true, true),
    };
    let mut refuse = |fields: &[Option<&str>], purpose: &str| {
        for field in fields.iter().flatten() {
            problems.push(
                Problem::new(*field, format!("is for {purpose}, but the url is {name}"))
                    .hint("leave it out, or change the url"),
            );
        }
    };
    if wrong_ssh {
        refuse(&for_ssh, "ssh");
    }
    if wrong_https {
        refuse(&for_https, "https");
    }
    match transport {
        Transport::Ssh => unknown_host(found, fields, problems),
        Transport::Http if found.field_of("httpsKey").is_some() => problems.push(
            Problem::new(fields.url, "is http, so that user and key go over the network in the clear")
                .hint("use https")
                .warning(),
        ),
        Transport::Http | Transport::Https | Transport::Git | Transport::Local => {}
    }
}

fn unknown_host(found: &Protected, fields: Fields<'_>, problems: &mut Vec<Problem>) {
    let in_secret = found.refs.iter().any(|one| matches!(one, SecretRef::Whole { .. }));
    if fields.known_hosts.is_none() && !in_secret && !fields.knows_hosts {
        problems.push(
            Problem::new(fields.url, "is ssh, and no known hosts are given: the host will be refused")
                .hint(
                    "give the output of `ssh-keyscan HOST`, checked against what the host's owner publishes, in base64",
                )
                .warning(),
        );
    }
}

/// An address with a relative path made to start at the state file's directory.
pub(super) fn resolved(url: &str, directory: impl Fn(&str) -> std::path::PathBuf) -> String {
    if url.starts_with("./") || url.starts_with("../") {
        let path = directory(url);
        let absolute = std::path::absolute(&path).unwrap_or(path);
        without_dots(&absolute).display().to_string()
    } else {
        url.to_owned()
    }
}

/// A path without `.`; `..` stays, since what it leads to is the file system's to say.
fn without_dots(path: &Path) -> std::path::PathBuf {
    path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{desired::ProcessSecrets, model::Door};

    #[test]
    fn each_kind_takes_the_forms_of_its_generation() {
        use Transport::{Git, Http, Https, Local, Ssh};
        for (url, v1, v2) in [
            ("https://example.org/a.git", Some(Https), Some(Https)),
            ("HTTPS://example.org/a", Some(Https), Some(Https)),
            ("https://team@example.org/a", Some(Https), Some(Https)),
            ("http://example.org/a", Some(Http), Some(Http)),
            ("ssh://git@example.org:2222/a", Some(Ssh), Some(Ssh)),
            ("ssh://example.org/a", Some(Ssh), Some(Ssh)),
            ("git@example.org:a/b.git", Some(Ssh), Some(Ssh)),
            ("deploy@example.org:a/b.git", Some(Ssh), None),
            ("git://example.org/a", Some(Git), None),
            ("/srv/a", Some(Local), Some(Local)),
            ("../a", Some(Local), Some(Local)),
            ("file:///srv/a", Some(Local), Some(Local)),
            ("example.org:a", None, None),
            ("git+ssh://git@example.org/a", None, None),
            ("ftp://example.org/a", None, None),
            ("ext::sh -c x", None, None),
            ("example.org/a", None, None),
            ("C:\\repository", None, None),
            ("https://user:hunter2@example.org/a", None, None),
            ("-x", None, None),
        ] {
            let reach = Reader::new(&ProcessSecrets, Path::new(""), Door::Unknown);
            for (forms, wanted) in [(Forms::FluxV1, v1), (Forms::FluxV2, v2)] {
                let mut problems = Vec::new();
                let found = transport("f", url, forms, &reach, &mut problems).filter(|_| problems.is_empty());
                assert_eq!(found, wanted, "{url} {forms:?}: {problems:?}");
                assert_eq!(problems.is_empty(), wanted.is_some(), "{url} {forms:?}");
                assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
            }
        }
    }

    #[test]
    fn a_relative_path_starts_at_the_state_files_directory() {
        let at = |url: &str| resolved(url, |path| Path::new("/etc/arcwright").join(path));
        assert_eq!(at("./shop"), "/etc/arcwright/shop");
        assert_eq!(at("../shop"), "/etc/arcwright/../shop");
        assert_eq!(at("/srv/shop"), "/srv/shop");
        assert_eq!(at("https://example.org/shop"), "https://example.org/shop");
    }
}
