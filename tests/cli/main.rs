//! The command line as a person meets it: what is printed, where, and with which exit code. Needs no cluster.
mod control;
mod keygen;
mod outcome;
mod state;
mod status;
mod support;
mod tools;
