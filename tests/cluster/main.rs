//! Against a real API server: what a state file asks for is in the cluster, stays there, and is told.
mod agent;
mod control;
mod ownership;
mod support;
