//! What every part of the process leans on: the clock and the log.
pub mod clock;
pub mod telemetry;
