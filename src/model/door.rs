//! By what a configuration came in.
use std::{fmt, sync::Arc};

/// The door by which a configuration came in: what decides about it, and what it is given up by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// It is not known.
    #[default]
    Unknown,
    /// State files: their paths, sorted, with `,` between them.
    Files(Arc<str>),
    /// Custom resources of the cluster itself.
    Cluster,
    /// A control plane, Azure or a hub, by its host.
    Azure(Arc<str>),
}

/// What a name of state files begins with.
const FILES: &str = "file:";
/// The name of the cluster door.
const CLUSTER: &str = "cluster";
/// What the name of a control plane begins with.
const AZURE: &str = "azure:";

impl Door {
    /// Reads what `Display` writes; anything else is not known.
    pub fn named(text: &str) -> Self {
        match (text.strip_prefix(FILES), text.strip_prefix(AZURE)) {
            (Some(paths), _) => Self::Files(paths.into()),
            (None, Some(host)) => Self::Azure(host.into()),
            (None, None) if text == CLUSTER => Self::Cluster,
            (None, None) => Self::Unknown,
        }
    }

    /// Whether what came in by `other` may come in by this one without a word: state files that were moved are the
    /// same state, as is a control plane that has another name, and what nobody knows the origin of belongs to whoever asks.
    pub fn may_succeed(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Unknown)
            | (Self::Files(_), Self::Files(_))
            | (Self::Cluster, Self::Cluster)
            | (Self::Azure(_), Self::Azure(_)) => true,
            (Self::Unknown | Self::Files(_) | Self::Cluster | Self::Azure(_), _) => false,
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => Ok(()),
            Self::Files(paths) => write!(f, "{FILES}{paths}"),
            Self::Cluster => f.write_str(CLUSTER),
            Self::Azure(host) => write!(f, "{AZURE}{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back() {
        let azure = Door::Azure("hub.example.org:8443".into());
        for door in [Door::Unknown, Door::Files("/etc/a.yaml,/etc/b".into()), Door::Cluster, azure] {
            assert_eq!(Door::named(&door.to_string()), door);
        }
        assert_eq!(Door::named("nonsense"), Door::Unknown);
    }

    #[test]
    fn only_a_door_of_the_same_kind_succeeds_another() {
        let (a, b) = (Door::Files("/a".into()), Door::Files("/b".into()));
        assert!(a.may_succeed(&b) && a.may_succeed(&Door::Unknown) && Door::Cluster.may_succeed(&Door::Unknown));
        assert!(!a.may_succeed(&Door::Cluster) && !Door::Cluster.may_succeed(&a));
    }
}
