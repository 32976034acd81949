//! Which Kubernetes this is, where it runs, and how large it is: told by its nodes.
use k8s_openapi::{
    api::core::v1::Node,
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::ObjectMeta},
};

/// Where nothing is known.
pub const GENERIC: &str = "generic";
/// Annotations that Rancher's nodes have.
const RKE: [&str; 2] = ["rke.cattle.io/external-ip", "rke.cattle.io/internal-ip"];
/// Labels by which a distribution is known, in the order in which they count.
const BY_LABEL: [(&str, &str); 6] = [
    ("node.openshift.io/os_id", "openshift"),
    ("kubernetes.azure.com/node-image-version", "aks"),
    ("cloud.google.com/gke-nodepool", "gke"),
    ("cloud.google.com/gke-os-distribution", "gke"),
    ("eks.amazonaws.com/nodegroup", "eks"),
    ("minikube.k8s.io/version", "minikube"),
];
/// Providers by which a distribution is known.
const BY_PROVIDER: [&str; 2] = ["kind", "k3s"];
/// Providers whose infrastructure has another name.
const INFRASTRUCTURE: [(&str, &str); 5] =
    [("k3s", GENERIC), ("kind", GENERIC), ("azure", "azure"), ("gce", "gcp"), ("aws", "aws")];
/// Infrastructures that are providers by the same name.
const SAME_NAME: [&str; 6] =
    ["gcp", "azure_stack_hci", "azure_stack_hub", "azure_stack_edge", "vsphere", "windows_server"];
/// Platforms that the agents are built for.
const PLATFORMS: [(&str, &str); 2] = [("linux", "amd64"), ("linux", "arm64")];

/// The distribution: by the first node that tells it, in the order of the list; else `generic`.
///
/// Source: the rules of `az connectedk8s connect`.
pub fn distribution(nodes: &[Node]) -> &'static str {
    nodes.iter().find_map(|node| distribution_of(&node.metadata, provider_id(node))).unwrap_or(GENERIC)
}

/// The distribution, as far as one node tells it by its metadata and `spec.providerID`.
pub fn distribution_of(metadata: &ObjectMeta, provider_id: Option<&str>) -> Option<&'static str> {
    let has_label = |label: &str| metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(label));
    let has_annotation = |name: &&str| metadata.annotations.as_ref().is_some_and(|all| all.contains_key(*name));
    let provider = provider_id.and_then(provider);
    let by_label = BY_LABEL.iter().find(|(label, _)| has_label(label)).map(|(_, distribution)| *distribution);
    let by_provider = || BY_PROVIDER.into_iter().find(|name| provider == Some(*name));
    by_label.or_else(by_provider).or_else(|| RKE.iter().any(has_annotation).then_some("rancher_rke"))
}

/// The infrastructure: by the first node that has a provider; else `generic`.
///
/// Source: the rules of `az connectedk8s connect`.
pub fn infrastructure(nodes: &[Node]) -> &'static str {
    nodes.iter().find_map(|node| infrastructure_of(provider_id(node))).unwrap_or(GENERIC)
}

/// The infrastructure, as far as one node tells it by its `spec.providerID`.
pub fn infrastructure_of(provider_id: Option<&str>) -> Option<&'static str> {
    let provider = provider_id.and_then(provider)?;
    let renamed = INFRASTRUCTURE.iter().find(|(name, _)| *name == provider).map(|(_, infrastructure)| *infrastructure);
    let same = || SAME_NAME.into_iter().find(|name| name.eq_ignore_ascii_case(provider));
    Some(renamed.or_else(same).unwrap_or(GENERIC))
}

fn provider_id(node: &Node) -> Option<&str> {
    node.spec.as_ref()?.provider_id.as_deref()
}

/// What stands before the first colon of `spec.providerID`.
fn provider(id: &str) -> Option<&str> {
    id.split_once(':').map(|(provider, _)| provider).filter(|provider| !provider.is_empty())
}

/// Cores of all nodes together; a part of one counts as none.
pub fn total_cores(nodes: &[Node]) -> u32 {
    let cpu = |node: &Node| Some(millicores(node.status.as_ref()?.capacity.as_ref()?.get("cpu")?));
    let all: u64 = nodes.iter().filter_map(cpu).fold(0, u64::saturating_add);
    u32::try_from(all / 1000).unwrap_or(u32::MAX)
}

fn millicores(quantity: &Quantity) -> u64 {
    match quantity.0.strip_suffix('m') {
        Some(milli) => milli.parse().unwrap_or(0),
        None => quantity.0.parse::<u64>().unwrap_or(0).saturating_mul(1000),
    }
}

/// Nodes that the agents can run on: Linux, on amd64 or arm64.
pub fn usable(nodes: &[Node]) -> usize {
    nodes.iter().filter(|node| PLATFORMS.contains(&platform(node))).count()
}

/// Operating system and architecture of a node, as in `linux/amd64`.
pub fn platform(node: &Node) -> (&str, &str) {
    let label = |name: &str| node.metadata.labels.as_ref().and_then(|labels| labels.get(name)).map(String::as_str);
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let os = label("kubernetes.io/os").or(info.map(|info| info.operating_system.as_str()));
    let architecture = label("kubernetes.io/arch").or(info.map(|info| info.architecture.as_str()));
    (os.unwrap_or("unknown"), architecture.unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn node(value: Value) -> Node {
        serde_json::from_value(value).expect("a node")
    }

    fn labelled(label: &str) -> Node {
        node(json!({"metadata": {"labels": {label: "x"}}}))
    }

    fn provided(id: &str) -> Node {
        node(json!({"spec": {"providerID": id}}))
    }

    #[test]
    fn each_distribution_is_known_by_its_nodes() {
        for (label, distribution) in [
            ("node.openshift.io/os_id", "openshift"),
            ("kubernetes.azure.com/node-image-version", "aks"),
            ("cloud.google.com/gke-nodepool", "gke"),
            ("cloud.google.com/gke-os-distribution", "gke"),
            ("eks.amazonaws.com/nodegroup", "eks"),
            ("minikube.k8s.io/version", "minikube"),
            ("node.openshift.io", "generic"),
        ] {
            assert_eq!(super::distribution(&[labelled(label)]), distribution, "{label}");
        }
        for (id, distribution) in
            [("kind://docker/kind/a", "kind"), ("k3s://a", "k3s"), ("k3d://a", "generic"), ("", "generic")]
        {
            assert_eq!(super::distribution(&[provided(id)]), distribution, "{id}");
        }
        for annotation in RKE {
            let node = node(json!({"metadata": {"annotations": {annotation: "10.0.0.1"}}}));
            assert_eq!(super::distribution(&[node]), "rancher_rke");
        }
        assert_eq!(super::distribution(&[]), "generic");
    }

    #[test]
    fn the_first_node_that_tells_something_counts() {
        let nodes = [labelled("x"), provided("k3s://a"), labelled("node.openshift.io/os_id")];
        assert_eq!(distribution(&nodes), "k3s");
        let both = node(
            json!({"metadata": {"labels": {"eks.amazonaws.com/nodegroup": "a"}}, "spec": {"providerID": "kind://a"}}),
        );
        assert_eq!(distribution(&[both]), "eks", "a label goes before a provider");
    }

    #[test]
    fn the_infrastructure_is_the_provider_of_the_nodes() {
        for (id, infrastructure) in [
            ("k3s://a", "generic"),
            ("kind://docker/kind/a", "generic"),
            ("azure:///subscriptions/s", "azure"),
            ("gce://project/zone/name", "gcp"),
            ("aws:///eu-west-1a/i-0", "aws"),
            ("vsphere://4230", "vsphere"),
            ("VSphere://4230", "vsphere"),
            ("azure_stack_hci:///a", "azure_stack_hci"),
            ("digitalocean://1", "generic"),
            ("nonsense", "generic"),
        ] {
            assert_eq!(super::infrastructure(&[provided(id)]), infrastructure, "{id}");
        }
        assert_eq!(super::infrastructure(&[labelled("x"), provided("aws:///i")]), "aws");
        assert_eq!(super::infrastructure(&[]), "generic");
    }

    #[test]
    fn cores_are_summed_up_and_parts_of_one_are_left() {
        let with = |cpu: &str| node(json!({"status": {"capacity": {"cpu": cpu}}}));
        assert_eq!(total_cores(&[with("4"), with("3920m"), node(json!({})), with("x")]), 7);
        assert_eq!(total_cores(&[with("99999999999999999999")]), 0, "what is no number counts as none");
        assert_eq!(total_cores(&[with("18446744073709551615")]), u32::MAX);
    }

    #[test]
    fn the_agents_run_on_linux_of_two_architectures() {
        let on = |os: &str, architecture: &str| {
            node(json!({"metadata": {"labels": {"kubernetes.io/os": os, "kubernetes.io/arch": architecture}}}))
        };
        assert_eq!(
            usable(&[on("linux", "amd64"), on("linux", "arm64"), on("windows", "amd64"), on("linux", "arm")]),
            2
        );
        assert_eq!(platform(&node(json!({}))), ("unknown", "unknown"));
    }
}
