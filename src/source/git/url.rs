//! Addresses of repositories, checked before anything is done with them.
use std::fmt;

/// How a repository is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Https,
    Http,
    Git,
    Ssh,
    Local,
}

/// A checked address: no option, no remote helper, no control character hides in it.
#[derive(Clone, PartialEq, Eq)]
pub struct RepoUrl {
    text: String,
    scheme: Scheme,
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

/// Why an address is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It begins with a dash, or its user, host or path does, so that a program might take it for an option.
    #[error("{part} begins with a dash, which a program could take for an option")]
    Dash {
        /// Which part does.
        part: &'static str,
    },
    /// It holds a control character.
    #[error("it holds a control character")]
    Control,
    /// It names a remote helper, which would run a program.
    #[error("remote helpers (HELPER::ADDRESS) run programs and are never used")]
    Helper,
    /// Its scheme is unknown.
    #[error("scheme {scheme:?} is not one of https, http, ssh, git, file")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// It is on this machine, and where it came from may not say so.
    #[error("files of this machine can be named only in a local state file")]
    Local,
    /// It has no host.
    #[error("it names no host")]
    NoHost,
    /// Its port is no port.
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// It has no form that is known.
    #[error("it is neither a URL, nor user@host:path, nor a path")]
    Form,
}

impl RepoUrl {
    /// Checks an address. `allow_local` says whether it may be on this machine.
    ///
    /// # Errors
    /// When it is not of a known form, or dangerous.
    pub fn parse(text: &str, allow_local: bool) -> Result<Self, UrlError> {
        if text.contains(char::is_control) {
            return Err(UrlError::Control);
        }
        if text.starts_with('-') {
            return Err(UrlError::Dash { part: "it" });
        }
        let local = |text: &str| {
            if allow_local {
                Ok(Self { text: text.to_owned(), scheme: Scheme::Local, user: None, host: String::new(), port: None })
            } else {
                Err(UrlError::Local)
            }
        };
        if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = match scheme.to_ascii_lowercase().as_str() {
                "https" => Scheme::Https,
                "http" => Scheme::Http,
                "git" => Scheme::Git,
                "ssh" | "git+ssh" | "ssh+git" => Scheme::Ssh,
                "file" => return local(text),
                _ if scheme.contains("::") => return Err(UrlError::Helper),
                other => return Err(UrlError::Scheme { scheme: other.to_owned() }),
            };
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let (user, host) = authority
                .rsplit_once('@')
                .map_or((None, authority), |(user, host)| (Some(user.split(':').next().unwrap_or_default()), host));
            let (host, port) = host_and_port(host)?;
            return Self::checked(text, scheme, user, host, port, path);
        }
        if text.starts_with('/') || text.starts_with("./") || text.starts_with("../") {
            return local(text);
        }
        if text.contains("::") {
            return Err(UrlError::Helper);
        }
        let (authority, path) = text.split_once(':').ok_or(UrlError::Form)?;
        if authority.contains('/') || path.is_empty() {
            return Err(UrlError::Form);
        }
        let (user, host) = authority.split_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        Self::checked(text, Scheme::Ssh, user, host, None, path)
    }

    fn checked(
        text: &str,
        scheme: Scheme,
        user: Option<&str>,
        host: &str,
        port: Option<u16>,
        path: &str,
    ) -> Result<Self, UrlError> {
        for (part, value) in [("its user", user.unwrap_or_default()), ("its host", host), ("its path", path)] {
            if value.starts_with('-') {
                return Err(UrlError::Dash { part });
            }
        }
        if host.is_empty() {
            return Err(UrlError::NoHost);
        }
        Ok(Self {
            text: text.to_owned(),
            scheme,
            user: user.filter(|user| !user.is_empty()).map(str::to_owned),
            host: host.to_owned(),
            port,
        })
    }

    /// The address as it was given, credentials included.
    pub(super) fn as_given(&self) -> &str {
        &self.text
    }

    /// Whether it is reached by ssh.
    pub fn is_ssh(&self) -> bool {
        self.scheme == Scheme::Ssh
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        self.scheme == Scheme::Local
    }

    /// Whether a fetch may ask for the newest commit only. libgit2 cannot do so for local ones.
    pub(super) fn can_be_shallow(&self) -> bool {
        self.scheme != Scheme::Local
    }

    /// User to log in as; `git` when the address names none.
    pub(super) fn user(&self) -> &str {
        self.user.as_deref().unwrap_or("git")
    }

    /// Host and port as a known_hosts file names them.
    pub(super) fn known_hosts_name(&self) -> String {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        match self.port {
            Some(port) if port != 22 => format!("[{host}]:{port}"),
            _ => host.to_owned(),
        }
    }

    /// The host name.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.text))
    }
}

impl fmt::Debug for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoUrl({self})")
    }
}

fn host_and_port(text: &str) -> Result<(&str, Option<u16>), UrlError> {
    let after_bracket = text.rfind(']').map_or(0, |at| at + 1);
    match text[after_bracket..].rfind(':') {
        None => Ok((text, None)),
        Some(at) => {
            let (host, port) = (&text[..after_bracket + at], &text[after_bracket + at + 1..]);
            match port.parse::<u16>() {
                _ if port.is_empty() => Ok((host, None)),
                Ok(port) if port > 0 => Ok((host, Some(port))),
                Ok(_) | Err(_) => Err(UrlError::Port),
            }
        }
    }
}

/// An address without user, password, query and fragment: fit for logs and statuses.
pub fn redacted(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = bare.split_once("://") else { return bare.to_owned() };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let host = match authority.rsplit_once('@') {
        // The user of an ssh address is no secret, and part of its name.
        Some((user, host)) if scheme == "ssh" && !user.contains(':') => format!("{user}@{host}"),
        Some((_, host)) => host.to_owned(),
        None => authority.to_owned(),
    };
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_the_forms_that_people_write() {
        for (text, name, user) in [
            ("https://example.org/a/b.git", "example.org", "git"),
            ("https://u:p@example.org:8443/a", "[example.org]:8443", "u"),
            ("ssh://deploy@example.org:2222/a", "[example.org]:2222", "deploy"),
            ("git@example.org:a/b.git", "example.org", "git"),
            ("ssh://git@[::1]:2222/a", "[::1]:2222", "git"),
            ("git://example.org/a", "example.org", "git"),
        ] {
            let url = RepoUrl::parse(text, false).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((url.known_hosts_name().as_str(), url.user()), (name, user), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_run_or_read_something() {
        for (text, error) in [
            ("-oProxyCommand=x", UrlError::Dash { part: "it" }),
            ("ssh://-oProxyCommand=x/a", UrlError::Dash { part: "its host" }),
            ("ssh://-x@host/a", UrlError::Dash { part: "its user" }),
            ("git@-host:a", UrlError::Dash { part: "its host" }),
            ("git@host:-a", UrlError::Dash { part: "its path" }),
            ("ext::sh -c x", UrlError::Helper),
            ("ext::https://x/y", UrlError::Helper),
            ("fd::17", UrlError::Helper),
            ("ftp://host/a", UrlError::Scheme { scheme: "ftp".into() }),
            ("file:///etc", UrlError::Local),
            ("/etc", UrlError::Local),
            ("../x", UrlError::Local),
            ("https:///a", UrlError::NoHost),
            ("https://h:99999/a", UrlError::Port),
            ("nonsense", UrlError::Form),
            ("https://h/a\nb", UrlError::Control),
        ] {
            assert_eq!(RepoUrl::parse(text, false), Err(error), "{text}");
        }
        assert!(RepoUrl::parse("/srv/repo", true).is_ok_and(|url| url.is_local()));
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        assert_eq!(redacted("https://u:p@host:1/a/b?token=x#y"), "https://host:1/a/b");
        assert_eq!(redacted("git@host:a/b"), "git@host:a/b");
        assert_eq!(redacted("ssh://git@host/a"), "ssh://git@host/a");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            if let Ok(url) = RepoUrl::parse(&text, true) {
                prop_assert!(!url.host().starts_with('-'));
            }
        }
    }
}
