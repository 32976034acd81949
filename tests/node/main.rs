//! The image and the chart on a real node, with real pods. `./test node` makes one, and runs these.
mod bed;
mod connected;
mod failover;
mod install;
mod memory;
mod names;
mod network;
mod repository;
mod tenants;
mod thousand;

#[path = "../hub/bed.rs"]
#[expect(dead_code, reason = "the tests of the control plane use the rest")]
mod plane;
#[path = "../hub/postgres.rs"]
#[expect(dead_code, reason = "the tests of the control plane use the rest")]
mod postgres;
