//! The sibling controllers of the agent process.
pub mod config;
pub mod connected;
pub mod identity;
pub mod manager;
pub mod metadata;
pub mod sync;
