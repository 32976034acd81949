//! Git sources against real servers: OpenSSH's sshd, and `git http-backend` behind a TLS front.
mod bounds;
mod daemon;
mod file;
mod heal;
mod https;
mod local;
mod malicious;
mod mirrors;
mod proxy;
mod references;
mod render;
mod ssh;
mod ssh_keys;
mod support;
