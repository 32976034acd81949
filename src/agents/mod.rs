//! The sibling controllers of the agent process.
pub mod config;
pub mod manager;
