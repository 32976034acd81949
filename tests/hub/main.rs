//! The control plane, as a process that others talk to.
mod azure;
mod bed;
mod maintenance;
mod resources;
mod sign_in;
mod stores;
mod users;
