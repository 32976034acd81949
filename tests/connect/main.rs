//! Connecting a cluster to a control plane, and the way back: the real program between a real API server and a real control
//! plane.
mod connect;
mod connected;
mod disconnect;
mod pod;
mod refusals;
mod site;

#[path = "../hub/bed.rs"]
#[expect(dead_code, reason = "the tests of the control plane use the rest")]
mod bed;
#[path = "../support/control_plane.rs"]
#[expect(dead_code, reason = "the tests of the cluster use the rest")]
mod control_plane;
#[path = "../cluster/git_server.rs"]
mod git_server;
#[path = "../hub/postgres.rs"]
#[expect(dead_code, reason = "the tests of the control plane use the rest")]
mod postgres;
