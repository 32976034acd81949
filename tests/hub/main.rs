//! The control plane, as a process that others talk to.
mod agent;
mod azure;
mod azure_cli;
mod azure_reader;
mod bed;
mod browser;
mod connectivity;
mod maintenance;
mod page;
mod page_in_browser;
mod plane;
mod postgres;
mod resources;
mod sign_in;
mod stores;
mod users;
