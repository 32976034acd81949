//! The arguments that the daemon of Flux v1 knows.

/// What an argument takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, or `=true` or `=false`.
    Switch,
    /// Any text.
    Text,
    /// Texts with commas between them; may be given several times.
    List,
    /// A duration as Go writes it.
    Duration,
    /// A whole number that is not negative.
    Integer,
    /// A number.
    Number,
    /// One of a closed set.
    Choice(&'static [&'static str]),
}

/// An argument that needs no more than its name and kind to be known.
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn flag(name: &'static str, kind: Kind) -> Flag {
    Flag { name, kind }
}

/// Every argument, sorted by name.
///
/// Source: the daemon of Flux v1, releases 1.20 to 1.25, which know the same ones; `disable-registry-scanning` is what
/// the documentation of the resource calls `registry-disable-scanning`.
pub(super) const FLAGS: &[Flag] = &[
    flag("automation-interval", Kind::Duration),
    flag("connect", Kind::Text),
    flag("disable-registry-scanning", Kind::Switch),
    flag("docker-config", Kind::Text),
    flag("git-branch", Kind::Text),
    flag("git-ci-skip", Kind::Switch),
    flag("git-ci-skip-message", Kind::Text),
    flag("git-email", Kind::Text),
    flag("git-gpg-key-import", Kind::List),
    flag("git-label", Kind::Text),
    flag("git-notes-ref", Kind::Text),
    flag("git-path", Kind::List),
    flag("git-poll-interval", Kind::Duration),
    flag("git-readonly", Kind::Switch),
    flag("git-secret", Kind::Switch),
    flag("git-set-author", Kind::Switch),
    flag("git-signing-key", Kind::Text),
    flag("git-sync-tag", Kind::Text),
    flag("git-timeout", Kind::Duration),
    flag("git-url", Kind::Text),
    flag("git-user", Kind::Text),
    flag("git-verify-signatures", Kind::Switch),
    flag("git-verify-signatures-mode", Kind::Choice(&["none", "all", "first-parent"])),
    flag("k8s-allow-namespace", Kind::List),
    flag("k8s-default-namespace", Kind::Text),
    flag("k8s-in-cluster", Kind::Switch),
    flag("k8s-namespace-whitelist", Kind::List),
    flag("k8s-secret-data-key", Kind::Text),
    flag("k8s-secret-name", Kind::Text),
    flag("k8s-secret-volume-mount-path", Kind::Text),
    flag("k8s-unsafe-exclude-resource", Kind::List),
    flag("k8s-verbosity", Kind::Integer),
    flag("kube-config", Kind::Text),
    flag("kubernetes-kubectl", Kind::Text),
    flag("listen", Kind::Text),
    flag("listen-metrics", Kind::Text),
    flag("log-format", Kind::Choice(&["fmt", "json"])),
    flag("manifest-generation", Kind::Switch),
    flag("memcached-hostname", Kind::Text),
    flag("memcached-port", Kind::Integer),
    flag("memcached-service", Kind::Text),
    flag("memcached-timeout", Kind::Duration),
    flag("registry-burst", Kind::Integer),
    flag("registry-cache-expiry", Kind::Duration),
    flag("registry-disable-scanning", Kind::Switch),
    flag("registry-ecr-exclude-id", Kind::List),
    flag("registry-ecr-include-id", Kind::List),
    flag("registry-ecr-region", Kind::List),
    flag("registry-exclude-image", Kind::List),
    flag("registry-include-image", Kind::List),
    flag("registry-insecure-host", Kind::List),
    flag("registry-poll-interval", Kind::Duration),
    flag("registry-require", Kind::Choice(&["ecr"])),
    flag("registry-rps", Kind::Number),
    flag("registry-trace", Kind::Switch),
    flag("registry-use-labels", Kind::List),
    flag("rpc-timeout", Kind::Duration),
    flag("sops", Kind::Switch),
    flag("ssh-keygen-bits", Kind::Integer),
    flag("ssh-keygen-dir", Kind::Text),
    flag("ssh-keygen-format", Kind::Text),
    flag("ssh-keygen-type", Kind::Text),
    flag("sync-garbage-collection", Kind::Switch),
    flag("sync-garbage-collection-dry", Kind::Switch),
    flag("sync-interval", Kind::Duration),
    flag("sync-state", Kind::Choice(&["git", "secret"])),
    flag("sync-timeout", Kind::Duration),
    flag("token", Kind::Text),
    flag("version", Kind::Switch),
];

/// What an argument takes; none for one that is not known.
pub(super) fn kind(name: &str) -> Option<Kind> {
    FLAGS.binary_search_by(|flag| flag.name.cmp(name)).ok().map(|at| FLAGS[at].kind)
}

/// The name of a known argument that is most like another.
pub(super) fn nearest(name: &str) -> Option<String> {
    super::super::check::near(name, FLAGS.iter().map(|flag| flag.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_is_found() {
        for flag in FLAGS {
            assert_eq!(kind(flag.name), Some(flag.kind), "{}: sorted by name", flag.name);
        }
        assert_eq!(kind("git-brnch"), None);
        assert_eq!(nearest("git-brnch").as_deref(), Some("git-branch"));
    }
}
