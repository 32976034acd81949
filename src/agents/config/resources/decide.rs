//! What there is to do for one resource. Pure.
use super::super::{
    departures::Departure,
    mapped::{INVALID, Said, Subject, invalid, mapped, same},
    status::ConfigurationStatus,
};
use crate::{
    desired::{
        cluster::{Key, Resource},
        doors::{owned_elsewhere, way_out},
    },
    model::Door,
};
use jiff::SignedDuration;
use serde_json::Value;

/// Time after which a resource that is being deleted is let go, whatever is left of what it applied.
const DEADLINE: SignedDuration = SignedDuration::from_mins(5);

/// Reason of the conditions of what something else owns.
pub(super) const OWNED_ELSEWHERE: &str = super::super::status::OWNED_ELSEWHERE;

/// Whose the configuration is that a resource states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// The resource's own.
    Own,
    /// A resource of the other kind has the name.
    Beside(Key),
    /// It came in by another door.
    Elsewhere(Door),
}

/// All that counts for a resource.
pub(super) struct View<'a> {
    pub(super) resource: &'a Resource,
    pub(super) ownership: Ownership,
    /// Whether what it applied is to go with it.
    pub(super) is_leaving: bool,
    /// How far that has come.
    pub(super) departure: Option<Departure>,
    /// The last report of its configuration.
    pub(super) status: Option<&'a ConfigurationStatus>,
    /// The request for a visit that was heeded.
    pub(super) handled: Option<&'a str>,
    /// Whether it is time to say something of a resource whose first visit has not ended.
    pub(super) has_waited: bool,
    pub(super) now: jiff::Timestamp,
}

/// What there is to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Nothing,
    /// Look again when time has passed.
    Wait,
    /// Add the finalizer.
    Hold,
    /// Remove the finalizer.
    Release(Release),
    /// Write the status.
    Status(Value),
}

/// Why a resource is let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// All that it applied is gone.
    Done,
    /// Nothing of it is the resource's to delete.
    NotIts,
    /// It took too long.
    Late {
        /// How much is left, for a person.
        left: String,
    },
}

/// Decides what there is to do for a resource.
///
/// A resource is held from before its first object is applied until the last is gone, and never when its
/// configuration is somebody else's.
pub(super) fn decide(view: &View<'_>) -> Step {
    let resource = view.resource;
    if let Some(deleted) = resource.deleted {
        return if resource.is_held() { leave(view, deleted) } else { Step::Nothing };
    }
    if view.ownership != Ownership::Own {
        return if resource.is_held() { Step::Release(Release::NotIts) } else { told(view) };
    }
    if !resource.is_held() && resource.configuration.is_some() {
        return Step::Hold;
    }
    told(view)
}

fn leave(view: &View<'_>, deleted: jiff::Timestamp) -> Step {
    if !view.is_leaving || view.ownership != Ownership::Own {
        return Step::Release(Release::NotIts);
    }
    let left = match view.departure {
        Some(Departure::Done) => return Step::Release(Release::Done),
        Some(Departure::Left(left)) => Some(left),
        Some(Departure::Begun) | None => None,
    };
    if view.now.duration_since(deleted) >= DEADLINE {
        let left = left.map_or_else(|| "an unknown number".to_owned(), |left| (left.failed + left.going).to_string());
        return Step::Release(Release::Late { left });
    }
    Step::Wait
}

/// What is to be said of a resource, if that is not what its status says.
fn told(view: &View<'_>) -> Step {
    let resource = view.resource;
    let id = &resource.key.id;
    let refused = match &view.ownership {
        Ownership::Own if resource.is_valid() => None,
        Ownership::Own => Some((INVALID, invalid(&resource.issues, resource.configuration.is_some()))),
        Ownership::Beside(key) => {
            Some((OWNED_ELSEWHERE, format!("{id} is stated by {key} already; remove one of them")))
        }
        Ownership::Elsewhere(owner) => {
            Some((OWNED_ELSEWHERE, format!("{}; {}", owned_elsewhere(id, owner), way_out(id))))
        }
    };
    let reported = view.status.filter(|status| status.observed_generation == Some(resource.generation));
    let said = match (&refused, reported) {
        (Some((reason, message)), _) => Said::Refused { reason, message },
        (None, Some(status)) => Said::Reported(status),
        (None, None) if resource.status["observedGeneration"].as_i64() == Some(resource.generation) => {
            return Step::Nothing;
        }
        (None, None) if view.has_waited => Said::Progressing,
        (None, None) => return Step::Wait,
    };
    let subject = Subject {
        kind: resource.key.kind,
        generation: resource.generation,
        before: &resource.status,
        requested_at: resource.requested_at.as_deref(),
    };
    let status = mapped(&subject, &said, view.handled, view.now);
    if same(&status, &resource.status) { Step::Nothing } else { Step::Status(status) }
}

#[cfg(test)]
mod tests;
