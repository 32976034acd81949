//! What pods reach of this process, beside the API server: names, and ports of the loopback interface.
use crate::bed::node_address;
use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How often a server looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// A port of the node, whose connections go to a port of the loopback interface.
pub(crate) struct Forwarded {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    port: u16,
}

impl Forwarded {
    pub(crate) fn start(port: u16, to: u16) -> Self {
        let listener = TcpListener::bind((node_address(), port)).expect("the port is free");
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_ended.load(Ordering::Relaxed) {
                    break;
                }
                if let Ok(other) = TcpStream::connect(("127.0.0.1", to)) {
                    connect(&stream, &other);
                    connect(&other, &stream);
                }
            }
        });
        Self { ended, thread: Some(thread), port }
    }
}

/// Copies one way, until either side ends.
fn connect(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().expect("a stream"), to.try_clone().expect("a stream"));
    drop(std::thread::spawn(move || {
        std::io::copy(&mut from, &mut to).ok();
        to.shutdown(std::net::Shutdown::Write).ok();
    }));
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // One more connection, so that it looks.
        drop(TcpStream::connect((node_address(), self.port)));
        self.thread.take().map(JoinHandle::join);
    }
}

/// A DNS server that knows one name, which is the node's.
pub(crate) struct Names {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Names {
    pub(crate) fn start() -> Self {
        let address: Ipv4Addr = node_address().parse().expect("an address");
        let socket = UdpSocket::bind((address, 53)).expect("the port is free");
        socket.set_read_timeout(Some(LOOK)).expect("a limit");
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let mut query = [0; 512];
            while !is_ended.load(Ordering::Relaxed) {
                match socket.recv_from(&mut query) {
                    Ok((length, from)) => {
                        if let Some(answer) = answer(&query[..length], address) {
                            socket.send_to(&answer, from).ok();
                        }
                    }
                    Err(error) => assert!(
                        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                        "the DNS server hears: {error}"
                    ),
                }
            }
        });
        Self { ended, thread: Some(thread) }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// The answer to a query of one question: the address of the node, nothing more of its name, or that there is no such name.
///
/// Source: RFC 1035, section 4.1.
fn answer(query: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    let end = HEADER + query.get(HEADER..)?.iter().position(|byte| *byte == 0)? + 1;
    let question = query.get(HEADER..end + 4)?;
    let name: Vec<u8> = crate::repository::HOST
        .split('.')
        .flat_map(|label| std::iter::once(u8::try_from(label.len()).expect("short")).chain(label.bytes()))
        .chain([0])
        .collect();
    let is_known = query[HEADER..end].eq_ignore_ascii_case(&name);
    let is_asked = is_known && question.ends_with(&[0, 1, 0, 1]);
    // An answer with authority; 3: no such name.
    let code = if is_known { 0 } else { 3 };
    let mut answer = [&query[..2], &[0x84, code, 0, 1, 0, u8::from(is_asked), 0, 0, 0, 0], question].concat();
    if is_asked {
        // The name of the question, an address, for no time at all.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}
