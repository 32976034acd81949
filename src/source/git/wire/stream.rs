//! Connections that stay open: both sides talk over one stream, the server first.
use super::Wire;
use crate::source::git::{
    bounds::{Bounds, Metered},
    url::RepoUrl,
};
use std::{
    io::{self, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
};
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A stream to a server.
pub(super) struct StreamWire<'a, S: Read> {
    // Before the watch, which has to be there while the stream says goodbye.
    stream: BufReader<Metered<'a, S>>,
    _watch: Watch,
}

impl<'a, S: Read + Write> StreamWire<'a, S> {
    pub(super) fn new(stream: S, bounds: &'a Bounds, watch: Watch) -> Self {
        Self { stream: BufReader::new(Metered::new(stream, bounds)), _watch: watch }
    }
}

impl<S: Read + Write> Wire for StreamWire<'_, S> {
    fn advertisement(&mut self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(&mut self.stream))
    }

    fn ask(&mut self, request: Vec<u8>) -> io::Result<Box<dyn Read + '_>> {
        let stream = self.stream.get_mut().get_mut();
        stream.write_all(&request)?;
        stream.flush()?;
        Ok(Box::new(&mut self.stream))
    }

    fn speaks_first(&self) -> bool {
        true
    }
}

/// Closes a connection at the deadline or the cancellation, so that whoever waits for it goes on.
pub(super) struct Watch {
    _done: DropGuard,
}

impl Watch {
    fn new(stream: &TcpStream, bounds: &Bounds) -> io::Result<Self> {
        let stream = stream.try_clone()?;
        let done = CancellationToken::new();
        let (token, over) = (done.clone(), bounds.over());
        drop(Handle::current().spawn(async move {
            tokio::select! {
                // Cancel-safe: the connection is closed once, or is over already.
                () = over => drop(stream.shutdown(Shutdown::Both)),
                () = token.cancelled() => {}
            }
        }));
        Ok(Self { _done: done.drop_guard() })
    }
}

/// Connects by TCP, within the bounds.
pub(super) fn dial(url: &RepoUrl, bounds: &Bounds) -> io::Result<(TcpStream, Watch)> {
    let connect = tokio::net::TcpStream::connect((url.host(), url.port()));
    let stream = Handle::current().block_on(bounds.within(connect))??.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let watch = Watch::new(&stream, bounds)?;
    Ok((stream, watch))
}

/// Connects to a `git://` server.
///
/// Source: gitprotocol-pack, "Git Transport".
pub(super) fn connect_git<'a>(url: &RepoUrl, bounds: &'a Bounds) -> io::Result<StreamWire<'a, TcpStream>> {
    let (mut stream, watch) = dial(url, bounds)?;
    let line = format!("git-upload-pack {}\0host={}:{}\0", url.path(), url.host(), url.port());
    stream.write_all(format!("{:04x}{line}", line.len() + 4).as_bytes())?;
    Ok(StreamWire::new(stream, bounds, watch))
}
