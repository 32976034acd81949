//! What a Flux operator is: the objects that make one, and whether it has come up. Pure: no I/O, no clock.
pub mod install;
pub mod v1;
pub mod v2;
