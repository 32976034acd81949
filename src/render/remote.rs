//! Bases and files elsewhere: what kustomize takes for an address, and who brings what is there.
//!
//! Source: kustomize's documentation of remote targets and of `resources`, and what it does with such addresses.
use crate::render::tree::FileTree;
use std::{fmt, sync::Arc, time::Duration};

#[cfg(test)]
mod tests;

/// Longest time for one fetch where the address says nothing, as in kustomize.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(27);

/// Why something was not brought. Its text holds no credentials.
pub type RemoteError = Box<dyn std::error::Error + Send + Sync>;

/// Brings what is elsewhere. A render asks for each thing once.
pub trait Remotes: fmt::Debug + Send + Sync {
    /// The tree of a repository, from its root.
    ///
    /// # Errors
    /// When it is not there, or more than is brought.
    fn directory(&self, remote: &Remote) -> Result<Arc<dyn FileTree>, RemoteError>;
    /// The bytes of a file, by `http://` or `https://`.
    ///
    /// # Errors
    /// When it is not there, or more than is brought.
    fn file(&self, url: &str) -> Result<Vec<u8>, RemoteError>;
}

/// A directory of a repository elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// The repository, as git is told. May hold credentials.
    pub repository: String,
    /// The directory in it, "" for its root; may hold `..`.
    pub path: String,
    /// A branch, a tag or a commit; none: the repository's default branch.
    pub reference: Option<String>,
    /// Longest time for one fetch.
    pub timeout: Duration,
    /// Whether the address itself says where the repository ends and its directory begins.
    is_marked: bool,
}

/// `u:p@` and the like are not shown.
impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.shown(&self.path)).finish()
    }
}

/// How an address begins that names a file of this machine.
const FILE: &str = "file://";
/// The schemes that are known.
const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", FILE];

impl Remote {
    /// Reads an address of a directory in a repository; none when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with('/') {
            return None;
        }
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let (host, rest) = host_and_rest(address)?;
        let (repository, path, is_marked) = split(rest, host == FILE)?;
        if repository.is_empty() {
            return None;
        }
        let path = path.strip_prefix('/').unwrap_or(path);
        // It stays in the repository.
        super::tree::join("", path.trim_start_matches('/'))?;
        let Query { reference, timeout } = Query::read(query);
        let repository = format!("{host}{repository}");
        Some(Self { repository, path: path.to_owned(), reference, timeout, is_marked })
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        self.repository.starts_with(FILE)
    }

    /// Whether it can be nothing but a repository: the address is of no file, or says where the repository ends.
    pub(super) fn is_certain(&self) -> bool {
        self.is_marked || self.reference.is_some() || !is_file_address(&self.repository)
    }

    /// A path of the repository as an address, without credentials.
    pub(super) fn shown(&self, path: &str) -> String {
        let slashes = if path.is_empty() { "" } else { "//" };
        let reference = self.reference.as_ref().map(|reference| format!("?ref={reference}")).unwrap_or_default();
        format!("{}{slashes}{path}{reference}", without_credentials(&self.repository))
    }
}

/// An address, without credentials.
pub(super) fn shown(name: &str) -> String {
    Remote::parse(name).map_or_else(|| without_credentials(name), |remote| remote.shown(&remote.path))
}

/// Whether a text is an address of a file that is asked for by HTTP.
pub(super) fn is_file_address(text: &str) -> bool {
    let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
    begins("https://") || begins("http://")
}

/// An address without user, password and query.
pub(super) fn without_credentials(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    match authority.rsplit_once('@') {
        Some((user, host)) if scheme != "ssh" || user.contains(':') => format!("{scheme}://{host}{path}"),
        _ => address.to_owned(),
    }
}

/// A text without a beginning, whatever the case of its letters.
fn without<'a>(text: &'a str, begin: &str) -> Option<&'a str> {
    text.get(..begin.len()).filter(|found| found.eq_ignore_ascii_case(begin)).map(|_| &text[begin.len()..])
}

/// The part of an address that names the host, with what divides it from the rest, and the rest.
fn host_and_rest(address: &str) -> Option<(String, &str)> {
    let address = without(address, "git::").unwrap_or(address);
    let known = SCHEMES.iter().find_map(|scheme| Some((*scheme, without(address, scheme)?)));
    let (scheme, rest) = known.unwrap_or(("", address));
    if scheme == FILE {
        return Some((FILE.to_owned(), rest));
    }
    let (user, rest) = user_and_rest(rest);
    let is_github = without(rest, "github.com/").or_else(|| without(rest, "github.com:")).is_some();
    // user@host:path, which needs a user anywhere but at GitHub.
    let may_have_colon = scheme.is_empty() && (!user.is_empty() || is_github);
    if scheme.is_empty() && !may_have_colon {
        return None;
    }
    let slash = rest.find('/');
    let colon = rest.find(':').filter(|at| may_have_colon && *at > 0 && slash.is_none_or(|slash| *at < slash));
    let (host, path) = match colon.or(slash) {
        Some(at) => rest.split_at(at + 1),
        None => (rest, ""),
    };
    if is_github {
        let is_ssh = scheme == "ssh://" || !user.is_empty();
        return Some((if is_ssh { format!("{user}github.com:") } else { "https://github.com/".to_owned() }, path));
    }
    (!host.is_empty()).then(|| (format!("{scheme}{user}{host}"), path))
}

/// A user with its `@`, and the rest.
fn user_and_rest(text: &str) -> (&str, &str) {
    let Some((user, _)) = text.split_once('@') else { return ("", text) };
    let is_user = user.starts_with(|c: char| c.is_ascii_alphabetic())
        && user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_user { text.split_at(user.len() + 1) } else { ("", text) }
}

/// The repository and the directory in it, and whether the text says where one ends: by `_git/`, `//` or `.git`.
/// Without that, a repository is two names at a host, and all of a path.
fn split(text: &str, is_path: bool) -> Option<(&str, &str, bool)> {
    if let Some(at) = text.find("_git/") {
        let name = at + "_git/".len();
        let end = text[name..].find('/').map_or(text.len(), |length| name + length);
        return Some((&text[..end], &text[end..], true));
    }
    if let Some(at) = text.find("//") {
        return Some((&text[..at], &text[at + 2..], true));
    }
    if let Some(at) = text.find(".git") {
        let end = at + ".git".len();
        return Some((&text[..end], &text[end..], true));
    }
    if is_path {
        return Some((text, "", false));
    }
    let (first, _) = text.split_once('/')?;
    let second = first.len() + 1;
    let end = text[second..].find('/').map_or(text.len(), |length| second + length);
    Some((&text[..end], &text[end..], false))
}

/// What the query of an address says. Submodules are never fetched, whatever it says of them.
struct Query {
    reference: Option<String>,
    timeout: Duration,
}

impl Query {
    /// Reads a query; one that is malformed says nothing at all.
    fn read(text: &str) -> Self {
        let pairs: Option<Vec<(String, String)>> = text
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((unescaped(key)?, unescaped(value)?)).filter(|_| !pair.contains(';'))
            })
            .collect();
        let pairs = pairs.unwrap_or_default();
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let reference = value("ref").filter(|text| !text.is_empty()).or_else(|| value("version"));
        Self {
            reference: reference.filter(|text| !text.is_empty()).map(str::to_owned),
            timeout: value("timeout").and_then(duration).unwrap_or(DEFAULT_TIMEOUT),
        }
    }
}

/// A text of a query, without its escapes.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A time: seconds, or numbers with units as Go writes them; more than none.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u32>() {
        return (seconds > 0).then(|| Duration::from_secs(seconds.into()));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()));
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = after;
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())
}
