//! Git over ssh, by libssh2.
use super::stream::{StreamWire, dial};
use crate::{
    model::configuration::Credentials,
    source::git::{FetchError, bounds::Bounds, key::SshKey, known_hosts::KnownHost, text::tame, url::RepoUrl},
};
use secrecy::ExposeSecret as _;
use ssh2::{Channel, MethodType, Session};
use std::io::{self, Read, Write};

/// Most bytes of what a server says on its error channel that are looked at.
const MAX_COMPLAINT: u64 = 4096;

/// Connects, checks the host's key, logs in, and starts `git-upload-pack`.
pub(super) fn connect<'a>(
    url: &RepoUrl,
    credentials: &Credentials,
    bounds: &'a Bounds,
) -> io::Result<StreamWire<'a, Talk>> {
    let key = match &credentials.ssh_private_key {
        None => None,
        Some(key) => Some(SshKey::read(key).map_err(|source| FetchError::Key { url: url.to_string(), source })?),
    };
    let known = KnownHost::find(credentials.known_hosts.as_deref().unwrap_or_default(), &url.known_hosts_name())?;
    let (stream, watch) = dial(url, bounds)?;
    let why = |error: ssh2::Error| {
        let because = bounds.check().map_err(io::Error::from).err();
        because.unwrap_or_else(|| io::Error::other(tame(error.message().as_bytes())))
    };
    let mut session = Session::new().map_err(why)?;
    prefer(&session, &known).map_err(why)?;
    session.set_tcp_stream(stream);
    session.handshake().map_err(why)?;
    let (host_key, _) = session.host_key().ok_or_else(|| io::Error::other("the host offers no key"))?;
    known.check(host_key)?;
    log_in(&session, url, key.as_ref(), bounds)?;
    let mut channel = session.channel_session().map_err(why)?;
    channel.exec(&format!("git-upload-pack {}", quoted(url.path()))).map_err(why)?;
    Ok(StreamWire::new(Talk { channel, url: url.to_string() }, bounds, watch))
}

/// Asks for the types of host key that are known, as OpenSSH does: a server shows one key only, and
/// without this it might be one that is not known while another is.
fn prefer(session: &Session, known: &KnownHost) -> Result<(), ssh2::Error> {
    let supported = session.supported_algs(MethodType::HostKey)?;
    let mut order: Vec<&str> = known.algorithms().into_iter().filter(|name| supported.contains(name)).collect();
    let rest: Vec<&str> = supported.into_iter().filter(|name| !order.contains(name)).collect();
    order.extend(rest);
    session.method_pref(MethodType::HostKey, &order.join(","))
}

fn log_in(session: &Session, url: &RepoUrl, key: Option<&SshKey>, bounds: &Bounds) -> io::Result<()> {
    let refused = |credentials: String| FetchError::Authentication { url: url.to_string(), credentials };
    let key = key.ok_or_else(|| refused("to be read without a key; give sshPrivateKey".to_owned()))?;
    match session.userauth_pubkey_memory(url.ssh_user(), None, key.private.expose_secret(), None) {
        Ok(()) => Ok(()),
        Err(_) if bounds.check().is_err() => bounds.check().map_err(Into::into),
        // LIBSSH2_ERROR_AUTHENTICATION_FAILED and LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED.
        Err(error) if !matches!(error.code(), ssh2::ErrorCode::Session(-18 | -19)) => {
            Err(io::Error::other(tame(error.message().as_bytes())))
        }
        Err(_) => {
            let public = &key.public;
            Err(refused(format!(
                "the ssh key; add its public half to the repository, as a deploy key that may read: {public}"
            ))
            .into())
        }
    }
}

/// A path as one word of the remote shell.
fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', "'\\''").replace('!', "'\\!'"))
}

/// The channel to `git-upload-pack`. When it ends at once, what the server complained of is the error.
pub(super) struct Talk {
    channel: Channel,
    url: String,
}

impl Read for Talk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.channel.read(buffer)?;
        if bytes == 0 && !buffer.is_empty() {
            let mut complaint = Vec::new();
            self.channel.stderr().take(MAX_COMPLAINT).read_to_end(&mut complaint).ok();
            let message = tame(&complaint);
            if !message.is_empty() {
                return Err(FetchError::Refused { url: self.url.clone(), message }.into());
            }
        }
        Ok(bytes)
    }
}

impl Write for Talk {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.channel.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.channel.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_path_stays_one_word_of_the_remote_shell() {
        assert_eq!(quoted("/srv/a b"), "'/srv/a b'");
        assert_eq!(quoted("a'; rm -rf ~ #"), "'a'\\''; rm -rf ~ #'");
        assert_eq!(quoted("a!b"), "'a'\\!'b'");
    }
}
