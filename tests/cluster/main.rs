//! Against a real API server: what a state file asks for is in the cluster, stays there, and is told.
mod agent;
mod credentials;
mod support;

#[path = "../support/sshd.rs"]
#[expect(dead_code, reason = "the tests of Git sources use the rest")]
mod sshd;
