//! The image and the chart on a real node, with real pods. `./test node` makes one, and runs these.
mod bed;
mod failover;
mod install;
mod memory;
mod names;
mod network;
mod repository;
mod tenants;
mod thousand;
