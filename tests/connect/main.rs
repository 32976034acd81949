//! Connecting a cluster to a control plane, and the way back: the real program between a real API server and a real control
//! plane.
mod connect;
mod disconnect;
mod refusals;
mod site;

#[path = "../hub/bed.rs"]
#[expect(dead_code, reason = "the tests of the control plane use the rest")]
mod bed;
#[path = "../support/control_plane.rs"]
#[expect(dead_code, reason = "the tests of the cluster use the rest")]
mod control_plane;
#[path = "../hub/postgres.rs"]
mod postgres;
