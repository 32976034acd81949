//! A token of access, and for how long it is good.
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

/// A token of access.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token.
    pub secret: SecretString,
    /// When it was granted, by the cluster's clock.
    pub granted: Timestamp,
    /// For how long it is good.
    pub life: SignedDuration,
}

impl AccessToken {
    /// Until when it is good, by the cluster's clock.
    pub fn expires(&self) -> Timestamp {
        self.granted + self.life
    }

    /// Whether more than a part of its life is left, of so many.
    pub(super) fn has_left(&self, of: i32, now: Timestamp) -> bool {
        now >= self.granted && self.expires().duration_since(now) > self.life / of
    }
}
