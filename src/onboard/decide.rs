//! With which key a cluster is connected, or why it is not.
use super::{Identity, OnboardingKey};

/// What there is before anything is changed.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// Whom the cluster says it is connected as.
    pub known: Option<&'a Identity>,
    /// The key that is in the cluster.
    pub kept: Option<&'a OnboardingKey>,
    /// `agentPublicKeyCertificate` of the resource; none where it is not there.
    pub enrolled: Option<&'a str>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// As whom.
    pub identity: &'a Identity,
    /// The key that was brought.
    pub key: Option<&'a OnboardingKey>,
    /// Whether a resource with another key is taken over.
    pub is_forced: bool,
}

/// The key to connect with.
#[derive(Clone, Copy, Debug)]
pub enum Choice<'a> {
    /// This one.
    Use(&'a OnboardingKey),
    /// One that is to be made.
    Make,
}

/// Why it is not connected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// It is another resource.
    #[error("this cluster is connected as {0}")]
    Other(Identity),
    /// The resource belongs to another cluster, or to an earlier life of this one.
    #[error(
        "the resource is there, and was made with another key: it is another cluster's, or this one was connected before"
    )]
    Enrolled,
}

/// Decides with which key a cluster is connected.
///
/// Pure. A key that was brought goes before one that is in the cluster, and that before one that is to be made. The
/// resource's own key is kept unless it is taken over.
///
/// # Errors
/// When the cluster is another resource, which is never overridden, or the resource has another key.
pub fn decide<'a>(before: &Before<'a>, asked: &Asked<'a>) -> Result<Choice<'a>, Conflict> {
    if let Some(known) = before.known.filter(|known| *known != asked.identity) {
        return Err(Conflict::Other(known.clone()));
    }
    let key = asked.key.or(before.kept);
    let is_free = match before.enrolled {
        None | Some("") => true,
        Some(enrolled) => key.is_some_and(|key| key.is_of(enrolled)),
    };
    if !is_free && !asked.is_forced {
        return Err(Conflict::Enrolled);
    }
    Ok(key.map_or(Choice::Make, Choice::Use))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn key(public: &str) -> OnboardingKey {
        OnboardingKey { private: SecretString::from("private"), public: public.to_owned() }
    }

    fn identity(name: &str) -> Identity {
        Identity { subscription: "s".into(), group: "g".into(), name: name.into() }
    }

    #[test]
    fn the_key_is_the_one_that_is_brought_or_kept_or_made_and_fits_the_resource() {
        let (kept, brought, north) = (key("KEPT"), key("BROUGHT"), identity("north"));
        let chosen = |kept: Option<&OnboardingKey>, enrolled, key: Option<&OnboardingKey>, is_forced| {
            let before = Before { known: None, kept, enrolled };
            let choice = decide(&before, &Asked { identity: &north, key, is_forced })?;
            Ok(match choice {
                Choice::Use(key) => key.public.clone(),
                Choice::Make => "made".to_owned(),
            })
        };
        let is = |text: &str| Ok(text.to_owned());
        assert_eq!(chosen(None, None, None, false), is("made"));
        assert_eq!(chosen(Some(&kept), None, None, false), is("KEPT"));
        assert_eq!(chosen(Some(&kept), Some("KEPT"), None, false), is("KEPT"));
        assert_eq!(chosen(Some(&kept), Some("KEPT"), Some(&brought), false), Err(Conflict::Enrolled));
        assert_eq!(chosen(None, Some("BROUGHT"), Some(&brought), false), is("BROUGHT"));
        assert_eq!(chosen(None, Some(""), None, false), is("made"));
        assert_eq!(chosen(None, Some("KEPT"), None, false), Err(Conflict::Enrolled));
        assert_eq!(chosen(None, Some("KEPT"), None, true), is("made"));
        assert_eq!(chosen(Some(&kept), Some("OTHER"), None, true), is("KEPT"));
    }

    #[test]
    fn a_cluster_that_is_another_resource_is_never_taken_over() {
        let (north, south) = (identity("north"), identity("south"));
        let asked = |is_forced| Asked { identity: &north, key: None, is_forced };
        for is_forced in [false, true] {
            let before = Before { known: Some(&south), kept: None, enrolled: None };
            assert_eq!(decide(&before, &asked(is_forced)).err(), Some(Conflict::Other(south.clone())));
        }
        let before = Before { known: Some(&identity("NORTH")), kept: None, enrolled: None };
        assert!(decide(&before, &asked(false)).is_ok());
    }
}
