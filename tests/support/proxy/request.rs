//! What a request to the API server is about.
use hyper::{Request, body::Body};

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verb {
    /// Reads one object.
    Get,
    /// Reads many.
    List,
    /// Follows many.
    Watch,
    /// Server-side apply.
    Apply,
    /// Any write that is not carried out (`dryRun=All`).
    DryRun,
    /// Any other patch.
    Patch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// DELETE of one or of many.
    Delete,
    /// Discovery, version, health and whatever else is not about objects.
    Other,
}

impl Verb {
    /// Whether it changes what is stored.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Apply | Self::Patch | Self::Create | Self::Update | Self::Delete)
    }
}

/// One request that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What it does.
    pub(crate) verb: Verb,
    /// Plural of the resource, as in the path; empty when it is not about objects.
    pub(crate) resource: String,
    /// Namespace; empty for cluster-scoped objects and for all namespaces.
    pub(crate) namespace: String,
    /// Name of the object; empty for many.
    pub(crate) name: String,
    /// Whether a rule or an outage decided its fate.
    pub(crate) is_faulted: bool,
}

impl Seen {
    /// Reads method, path and query.
    pub(crate) fn of<B: Body>(request: &Request<B>) -> Self {
        let path: Vec<&str> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
        let rest = match path.as_slice() {
            ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
            _ => &[],
        };
        let (namespace, resource, name) = match rest {
            ["namespaces", namespace, resource, rest @ ..] if !matches!(*resource, "status" | "finalize") => {
                (*namespace, *resource, rest.first().copied().unwrap_or_default())
            }
            [resource, rest @ ..] => ("", *resource, rest.first().copied().unwrap_or_default()),
            [] => ("", "", ""),
        };
        let verb = if resource.is_empty() { Verb::Other } else { verb(request, !name.is_empty()) };
        Self {
            verb,
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            is_faulted: false,
        }
    }
}

fn verb<B>(request: &Request<B>, is_one: bool) -> Verb {
    let query = request.uri().query().unwrap_or_default();
    let has = |text: &str| query.split('&').any(|pair| pair == text);
    let is_apply = request
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/apply-patch"));
    match request.method().as_str() {
        "GET" if has("watch=true") || has("watch=1") => Verb::Watch,
        "GET" if is_one => Verb::Get,
        "GET" => Verb::List,
        _ if has("dryRun=All") => Verb::DryRun,
        "PATCH" if is_apply => Verb::Apply,
        "PATCH" => Verb::Patch,
        "POST" => Verb::Create,
        "PUT" => Verb::Update,
        "DELETE" => Verb::Delete,
        _ => Verb::Other,
    }
}
