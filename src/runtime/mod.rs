//! What every part of the process leans on: the clock, the log, and the local door into it.
pub mod clock;
pub mod control;
pub mod telemetry;
