//! Single files by HTTP: what is followed, and where it ends.
use crate::support::DEADLINE;
use arcwright::source::git::{GitOptions, read_file};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// A server that gives one answer after another, each on a connection of its own; where it is.
fn serving(answers: Vec<String>) -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("an address");
    std::thread::spawn(move || {
        for answer in answers {
            let Ok((mut client, _)) = server.accept() else { return };
            // A client that has had enough closes the connection.
            let _request = client.read(&mut [0; 4096]);
            let _answered = client.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

fn answer(status: &str, header: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{header}\r\n{body}", body.len())
}

async fn read(url: &str, max_bytes: u64) -> Result<String, String> {
    let options = GitOptions { max_bytes, ..GitOptions::default() };
    let bytes = read_file(url, &options, DEADLINE, &CancellationToken::new()).await;
    bytes
        .map(|bytes| String::from_utf8(bytes).expect("a text"))
        .map_err(|error| arcwright::error::Chain(&error).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_where_the_server_sends_the_client() {
    let there = serving(vec![answer("200 OK", "", "a: b\n")]);
    let here = serving(vec![answer("302 Found", &format!("location: {there}/b\r\n"), "")]);
    assert_eq!(read(&format!("{here}/a"), 5).await.as_deref(), Ok("a: b\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_is_refused() {
    let here = serving(vec![answer("404 Not Found", "", "")]);
    assert_eq!(read(&format!("{here}/a?token=s3cret"), 5).await, Err(format!("{here}/a answered 404 Not Found")));
    let here = serving(vec![answer("302 Found", "location: /a\r\n", ""); 12]);
    assert!(read(&here, 5).await.expect_err("a circle").contains("it redirects more than 10 times"));
    let here = serving(vec![answer("200 OK", "", "123456")]);
    assert!(read(&here, 5).await.expect_err("too large").contains("is larger than the 5 bytes"));
    assert!(read("file:///etc/hosts", 5).await.expect_err("no web").contains("is no address of a file on the web"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/a", server.local_addr().expect("an address"));
    let options = GitOptions::default();
    let late = read_file(&url, &options, Duration::from_millis(50), &CancellationToken::new()).await;
    assert_eq!(late.expect_err("too late").reason(), "Timeout");
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(read_file(&url, &options, DEADLINE, &cancel).await.expect_err("ended").reason(), "Cancelled");
}
