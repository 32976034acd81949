//! Addresses of repositories, checked before anything is done with them.
use secrecy::SecretString;
use std::{fmt, path::PathBuf};

/// How a repository is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Https,
    Http,
    Git,
    Ssh,
    Local,
}

/// A checked address: no option, no remote helper, no control character hides in it.
#[derive(Clone)]
pub struct RepoUrl {
    text: String,
    scheme: Scheme,
    user: Option<String>,
    password: Option<SecretString>,
    host: String,
    port: Option<u16>,
    path: String,
}

impl PartialEq for RepoUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RepoUrl {}

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
    /// Its host or user holds what neither may hold.
    #[error("its {part} holds {character:?}, which no {part} has")]
    Character {
        /// `host` or `user`.
        part: &'static str,
        /// The character.
        character: char,
    },
    /// It has a query or a fragment.
    #[error(
        "it has a query or a fragment (? or #), which the address of a repository has not; give a token in httpsKey"
    )]
    Query,
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
        if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = match scheme.to_ascii_lowercase().as_str() {
                "https" => Scheme::Https,
                "http" => Scheme::Http,
                "git" => Scheme::Git,
                "ssh" | "git+ssh" | "ssh+git" => Scheme::Ssh,
                "file" => return Self::local(text, allow_local),
                _ if scheme.contains("::") => return Err(UrlError::Helper),
                other => return Err(UrlError::Scheme { scheme: other.to_owned() }),
            };
            return Self::with_authority(text, scheme, rest);
        }
        if text.starts_with('/') || text.starts_with("./") || text.starts_with("../") {
            return Self::local(text, allow_local);
        }
        if text.contains("::") {
            return Err(UrlError::Helper);
        }
        let (authority, path) = text.split_once(':').ok_or(UrlError::Form)?;
        if authority.contains('/') || path.is_empty() {
            return Err(UrlError::Form);
        }
        let (user, host) = authority.split_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let bare = Self { path: path.to_owned(), ..Self::bare(text, Scheme::Ssh) };
        Self { user: user.map(str::to_owned), host: host.to_owned(), ..bare }.checked()
    }

    fn bare(text: &str, scheme: Scheme) -> Self {
        Self {
            text: text.to_owned(),
            scheme,
            user: None,
            password: None,
            host: String::new(),
            port: None,
            path: String::new(),
        }
    }

    fn local(text: &str, allow_local: bool) -> Result<Self, UrlError> {
        if allow_local { Ok(Self::bare(text, Scheme::Local)) } else { Err(UrlError::Local) }
    }

    /// `rest` is what comes after `scheme://`.
    fn with_authority(text: &str, scheme: Scheme, rest: &str) -> Result<Self, UrlError> {
        let is_web = matches!(scheme, Scheme::Https | Scheme::Http);
        if is_web && text.contains(['?', '#']) {
            return Err(UrlError::Query);
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('\\') {
            return Err(UrlError::Character { part: "host", character: '\\' });
        }
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let (user, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            None => (None, None),
            Some((user, password)) => {
                (Some(unescaped(user)), Some(password).filter(|text| !text.is_empty()).map(unescaped))
            }
        };
        let (host, port) = host_and_port(host)?;
        let path = if is_web { path.to_owned() } else { unescaped(path) };
        if path.starts_with("/-") {
            return Err(UrlError::Dash { part: "its path" });
        }
        let bare = Self { path, password: password.map(Into::into), ..Self::bare(text, scheme) };
        Self { user, host: host.to_owned(), port, ..bare }.checked()
    }

    fn checked(mut self) -> Result<Self, UrlError> {
        self.user = self.user.filter(|user| !user.is_empty());
        let user = self.user.as_deref().unwrap_or_default();
        for (part, value) in [("its user", user), ("its host", &self.host), ("its path", &self.path)] {
            if value.starts_with('-') {
                return Err(UrlError::Dash { part });
            }
            if value.contains(char::is_control) {
                return Err(UrlError::Control);
            }
        }
        if self.host.is_empty() {
            return Err(UrlError::NoHost);
        }
        let bare = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_odd = |c: &char| match bare {
            Some(_) => !(c.is_ascii_hexdigit() || matches!(c, ':' | '.')),
            None => !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')),
        };
        if let Some(character) = bare.unwrap_or(&self.host).chars().find(is_odd) {
            return Err(UrlError::Character { part: "host", character });
        }
        let is_ssh = self.scheme == Scheme::Ssh;
        if let Some(character) = user.chars().find(|c| is_ssh && (c.is_whitespace() || "\\'\"`$;&|<>()".contains(*c))) {
            return Err(UrlError::Character { part: "user", character });
        }
        Ok(self)
    }

    /// The address of a repository on this machine, as it was given.
    pub(super) fn local_address(&self) -> &str {
        &self.text
    }

    /// The directory of a repository on this machine.
    pub(super) fn local_path(&self) -> PathBuf {
        match self.text.split_once("://") {
            Some((_, rest)) => PathBuf::from(unescaped(rest.strip_prefix("localhost").unwrap_or(rest))),
            None => PathBuf::from(&self.text),
        }
    }

    /// How it is reached.
    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether it is reached by ssh.
    pub fn is_ssh(&self) -> bool {
        self.scheme == Scheme::Ssh
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        self.scheme == Scheme::Local
    }

    /// User to log in as by ssh; `git` when the address names none.
    pub(super) fn ssh_user(&self) -> &str {
        self.user.as_deref().unwrap_or("git")
    }

    /// User and password of the address itself.
    pub(super) fn own_credentials(&self) -> Option<(&str, &SecretString)> {
        Some((self.user.as_deref().unwrap_or_default(), self.password.as_ref()?))
    }

    /// Host and port as a known_hosts file names them.
    pub(super) fn known_hosts_name(&self) -> String {
        let host = self.host().to_ascii_lowercase();
        match self.port {
            Some(port) if port != 22 => format!("[{host}]:{port}"),
            _ => host,
        }
    }

    /// The host name, or the address without its brackets.
    pub(super) fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, its scheme's own one where none is named.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.scheme {
            Scheme::Https => 443,
            Scheme::Http => 80,
            Scheme::Git => 9418,
            Scheme::Ssh | Scheme::Local => 22,
        })
    }

    /// Path of the repository as its server wants it: `~user/...` where `/~user/...` is written.
    pub(super) fn path(&self) -> &str {
        match self.path.strip_prefix('/') {
            Some(home) if home.starts_with('~') => home,
            _ => &self.path,
        }
    }

    /// The address to ask by HTTP, without credentials and without a slash at its end.
    pub(super) fn web_address(&self) -> String {
        let scheme = if self.scheme == Scheme::Http { "http" } else { "https" };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{}{port}{}", self.host, self.path.trim_end_matches('/'))
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

/// Text with its `%41` made `A`; what is no UTF-8 then, or no escape, stays as it is.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
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
            assert_eq!((url.known_hosts_name().as_str(), url.ssh_user()), (name, user), "{text}");
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
            ("ssh://git@host/-a", UrlError::Dash { part: "its path" }),
            ("ssh://git@host/%2da", UrlError::Dash { part: "its path" }),
            ("ssh://%2dx@host/a", UrlError::Dash { part: "its user" }),
            ("ssh://git@host/a%0ab", UrlError::Control),
            ("git@ho st:a", UrlError::Character { part: "host", character: ' ' }),
            ("g it@host:a", UrlError::Character { part: "user", character: ' ' }),
            ("git@host;x:a", UrlError::Character { part: "host", character: ';' }),
            ("https://good.org\\@evil.org/a", UrlError::Character { part: "host", character: '\\' }),
            ("https://h/a?token=x", UrlError::Query),
            ("https://h/a#b", UrlError::Query),
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

    #[test]
    fn what_is_asked_by_http_holds_no_credentials() {
        let url = RepoUrl::parse("https://u%40x:p%3A@host:8443/a%20b/", false).expect("a url");
        assert_eq!(url.web_address(), "https://host:8443/a%20b");
        let (user, password) = url.own_credentials().expect("credentials");
        assert_eq!((user, secrecy::ExposeSecret::expose_secret(password)), ("u@x", "p:"));
        assert_eq!(RepoUrl::parse("ssh://host/~bob/a%20b", false).expect("a url").path(), "~bob/a b");
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
