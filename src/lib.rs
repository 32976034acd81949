//! Arcwright connects a Kubernetes cluster to a desired state and keeps it there.
//!
//! A *configuration* (a `SourceControlConfiguration` or a `FluxConfiguration`) comes in by a door
//! ([`desired`]); its Git repository is fetched ([`source`]) and turned into manifests ([`render`]);
//! the live objects are observed ([`cluster`]), compared with the wanted ones by a pure function
//! ([`plan`]), and the steps are taken. What came of it is one report: status, event, log line.
//!
//! ```text
//! desired --DesiredState--> agents::config --per configuration-->
//!    source (Artifact = bytes + Revision) -> render (Vec<Manifest>) -> cluster::observe
//!    -> plan (pure) -> cluster::apply -> Outcome -> report
//! ```
//!
//! [`model`] and [`plan`] do no I/O and know no clock.
pub mod agents;
pub mod api;
pub mod cli;
pub mod cloud;
pub mod cluster;
pub mod desired;
pub mod error;
pub mod flux;
mod hex;
pub mod hub;
pub mod model;
pub mod onboard;
pub mod plan;
pub mod render;
pub mod runtime;
pub mod source;
pub mod yaml;
