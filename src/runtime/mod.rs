//! What every part of the process leans on: the clock, the log, its own figures, and the doors into it.
pub mod admin;
pub mod backoff;
pub mod clock;
pub mod control;
pub mod file;
pub mod limits;
pub mod process;
pub mod telemetry;
