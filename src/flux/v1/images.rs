//! Which images run.

/// The images of an operator, and the Secret that they are pulled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Of the operator.
    pub flux: String,
    /// Of its cache.
    pub memcached: String,
    /// Of the Helm operator; a configuration may ask for another version of it.
    pub helm_operator: String,
    /// Name of a Secret, in each operator's namespace, with the credentials of the registry.
    pub pull_secret: Option<String>,
}

impl Images {
    /// The last release of the operator.
    pub const FLUX: &'static str = "docker.io/fluxcd/flux:1.25.4";
    /// A release of memcached that the operator works with.
    pub const MEMCACHED: &'static str = "docker.io/library/memcached:1.6.10-alpine";
    /// The last release of the Helm operator.
    pub const HELM_OPERATOR: &'static str = "docker.io/fluxcd/helm-operator:1.4.4";
}

impl Default for Images {
    fn default() -> Self {
        Self {
            flux: Self::FLUX.to_owned(),
            memcached: Self::MEMCACHED.to_owned(),
            helm_operator: Self::HELM_OPERATOR.to_owned(),
            pull_secret: None,
        }
    }
}

/// An image with another repository, another tag, or both. A digest goes when something else is asked for.
pub(super) fn with(image: &str, repository: Option<&str>, version: Option<&str>) -> String {
    if repository.is_none() && version.is_none() {
        return image.to_owned();
    }
    let bare = image.split('@').next().unwrap_or_default();
    let path = bare.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match bare[path..].rfind(':') {
        Some(colon) => (&bare[..path + colon], Some(&bare[path + colon + 1..])),
        None => (bare, None),
    };
    let name = repository.unwrap_or(name);
    version.or(tag).map_or_else(|| name.to_owned(), |tag| format!("{name}:{tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_takes_the_place_of_the_tag() {
        for (image, repository, version, wanted) in [
            ("a.b/c:1", None, None, "a.b/c:1"),
            ("a.b/c:1", None, Some("2"), "a.b/c:2"),
            ("a.b:5000/c", None, Some("2"), "a.b:5000/c:2"),
            ("a.b:5000/c:1", Some("x/y"), None, "x/y:1"),
            ("a.b/c:1@sha256:0", None, Some("2"), "a.b/c:2"),
            ("a.b/c@sha256:0", None, None, "a.b/c@sha256:0"),
            ("c", Some("x/y"), None, "x/y"),
        ] {
            assert_eq!(with(image, repository, version), wanted);
        }
    }
}
