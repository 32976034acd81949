//! Against a real API server: what a state file asks for is in the cluster, stays there, and is told.
mod agent;
mod connected;
mod control;
mod credentials;
mod election;
mod faults;
mod flux_v1;
mod flux_v2;
mod flux_v2_real;
mod git_server;
mod identity;
mod idle;
mod inputs;
mod killed;
mod live;
mod objects;
mod ownership;
mod resources;
mod rights;
mod support;

#[path = "../hub/bed.rs"]
#[expect(dead_code, reason = "the tests of the control plane use the rest")]
mod bed;
#[path = "../support/control_plane.rs"]
mod control_plane;
#[path = "../hub/postgres.rs"]
#[expect(dead_code, reason = "the tests of the control plane use the rest")]
mod postgres;
#[path = "../support/proxy/mod.rs"]
#[expect(dead_code, reason = "traffic is for the benchmarks")]
mod proxy;
#[path = "../support/sshd.rs"]
#[expect(dead_code, reason = "the tests of Git sources use the rest")]
mod sshd;
