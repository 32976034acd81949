//! Whom a cluster is connected as, and with what its agents are installed.
use super::OnboardingKey;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fmt};

/// Longest name of a connected cluster.
const MAX_NAME: usize = 63;
/// Longest name of a resource group.
const MAX_GROUP: usize = 90;

/// The resource that stands for a cluster.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Subscription.
    pub subscription: String,
    /// Resource group.
    pub group: String,
    /// Name.
    pub name: String,
}

/// Ids of Azure Resource Manager have no case.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.id().eq_ignore_ascii_case(&other.id())
    }
}

impl Eq for Identity {}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in resource group {} of subscription {}", self.name, self.group, self.subscription)
    }
}

impl Identity {
    /// The ARM id.
    pub fn id(&self) -> String {
        let Self { subscription, group, name } = self;
        format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Kubernetes/connectedClusters/{name}"
        )
    }

    /// Whom the entries of ConfigMap `azure-clusterconfig` name; nobody where the agents were installed by themselves.
    pub fn of_config(data: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| data.get(key).filter(|text| !text.is_empty()).cloned();
        Some(Self {
            subscription: text("AZURE_SUBSCRIPTION_ID")?,
            group: text("AZURE_RESOURCE_GROUP")?,
            name: text("AZURE_RESOURCE_NAME")?,
        })
    }
}

/// Takes what can be the name of a connected cluster.
///
/// # Errors
/// What such a name has.
pub fn cluster_name(text: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(is_fine) || text.ends_with('.') {
        return Err(format!("a name has 1 to {MAX_NAME} letters, digits, -, _ and ., and no . at its end"));
    }
    Ok(text.to_owned())
}

/// Takes what can be the name of a resource group.
///
/// # Errors
/// What such a name has.
pub fn group_name(text: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '(' | ')');
    if text.is_empty() || text.len() > MAX_GROUP || !text.chars().all(is_fine) || text.ends_with('.') {
        return Err(format!(
            "a resource group has 1 to {MAX_GROUP} letters, digits, -, _, ., ( and ), and no . at its end"
        ));
    }
    Ok(text.to_owned())
}

/// An image: registry and repository, and which one of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// As in `registry.example.org/arcwright`.
    pub repository: String,
    /// Its tag.
    pub tag: Option<String>,
    /// Its digest, which goes before the tag.
    pub digest: Option<String>,
}

impl std::str::FromStr for Image {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "an image is REPOSITORY, REPOSITORY:TAG or REPOSITORY@sha256:DIGEST, in one word".to_owned();
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong());
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest.to_owned())),
            Some(_) => return Err(wrong()),
            None => (text, None),
        };
        // A colon before the last slash is that of a port.
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.to_owned())),
            _ => (rest, None),
        };
        if repository.is_empty() || tag.as_ref().is_some_and(String::is_empty) {
            return Err(wrong());
        }
        Ok(Self { repository: repository.to_owned(), tag, digest })
    }
}

fn is_digest(text: &str) -> bool {
    let is_hex = |c: char| c.is_ascii_digit() || matches!(c, 'a'..='f');
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.chars().all(is_hex))
}

/// The proxy that the agents use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// For https.
    pub https: Option<String>,
    /// For http.
    pub http: Option<String>,
    /// What is reached without.
    pub no_proxy: Option<String>,
}

/// With what the agents are installed.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Whom the cluster is connected as.
    pub identity: Identity,
    /// Region of the resource.
    pub location: String,
    /// Tenant of the control plane.
    pub tenant: String,
    /// Distribution.
    pub distribution: String,
    /// Infrastructure.
    pub infrastructure: String,
    /// URL of the control plane.
    pub hub: String,
    /// Authorities that it is trusted by, in PEM.
    pub authorities: Option<String>,
    /// The agents' image; the chart's own when absent.
    pub image: Option<Image>,
    /// Their proxy.
    pub proxy: Proxy,
}

impl Connection {
    /// The body of the resource: that of an earlier one, with what is known better.
    pub fn resource(&self, before: Option<&Value>, public_key: &str, tags: &BTreeMap<String, String>) -> Value {
        let kept = |name: &str| before.and_then(|before| before[name].as_object()).cloned().unwrap_or_default();
        let mut properties = kept("properties");
        properties.insert("agentPublicKeyCertificate".to_owned(), json!(public_key));
        properties.insert("distribution".to_owned(), json!(self.distribution));
        properties.insert("infrastructure".to_owned(), json!(self.infrastructure));
        let mut all_tags = kept("tags");
        all_tags.extend(tags.iter().map(|(name, value)| (name.clone(), json!(value))));
        let location = before.and_then(|before| before["location"].as_str()).unwrap_or(&self.location);
        json!({"location": location, "tags": all_tags, "identity": {"type": "SystemAssigned"}, "properties": properties})
    }

    /// The chart's values. They hold the private key.
    pub fn values(&self, key: &OnboardingKey) -> Value {
        let Identity { subscription, group, name } = &self.identity;
        let mut values = json!({
            "global": {
                "subscriptionId": subscription, "resourceGroupName": group, "resourceName": name,
                "location": self.location, "tenantId": self.tenant,
                "kubernetesDistro": self.distribution, "kubernetesInfra": self.infrastructure,
                "onboardingPrivateKey": key.private.expose_secret(),
            },
            "hub": {"url": self.hub, "ca": self.authorities.as_deref().unwrap_or_default()},
        });
        if let Some(Image { repository, tag, digest }) = &self.image {
            values["image"] = json!({"repository": repository,
                "tag": tag.as_deref().unwrap_or_default(), "digest": digest.as_deref().unwrap_or_default()});
        }
        let Proxy { https, http, no_proxy } = &self.proxy;
        let proxy = [("https", https), ("http", http), ("noProxy", no_proxy)].into_iter();
        let proxy: Map<String, Value> =
            proxy.filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))).collect();
        if !proxy.is_empty() {
            values["proxy"] = Value::Object(proxy);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_taken_apart() {
        let image = |text: &str| text.parse::<Image>().map(|image| (image.repository, image.tag, image.digest));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(image("arcwright"), Ok(("arcwright".into(), None, None)));
        assert_eq!(image("localhost:5000/a/b"), Ok(("localhost:5000/a/b".into(), None, None)));
        assert_eq!(image("localhost:5000/a:1.2"), Ok(("localhost:5000/a".into(), some("1.2"), None)));
        let digest = format!("sha256:{}", "0f".repeat(32));
        assert_eq!(image(&format!("r/a@{digest}")), Ok(("r/a".into(), None, Some(digest.clone()))));
        assert_eq!(image(&format!("r/a:1@{digest}")), Ok(("r/a".into(), some("1"), Some(digest))));
        for wrong in ["", "a:", ":1", "a b", "a@md5:0", "r/a@sha256:0f"] {
            assert!(image(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_that_no_control_plane_takes_are_refused_here() {
        assert_eq!(cluster_name("north-1").as_deref(), Ok("north-1"));
        for wrong in ["", "a/b", "a b", "a.", &"a".repeat(64)] {
            assert!(cluster_name(wrong).is_err(), "{wrong}");
        }
        assert!(group_name("shops (east)").is_err() && group_name("shops(east)").is_ok());
    }

    #[test]
    fn a_cluster_is_known_by_all_three_entries_and_compared_without_case() {
        let data = |name: &str| {
            let entries =
                [("AZURE_SUBSCRIPTION_ID", "S"), ("AZURE_RESOURCE_GROUP", "g"), ("AZURE_RESOURCE_NAME", name)];
            entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        };
        let known = Identity::of_config(&data("North")).expect("known");
        let wanted = Identity { subscription: "s".into(), group: "G".into(), name: "north".into() };
        assert_eq!(known, wanted);
        assert_eq!(Identity::of_config(&data("")), None);
        assert_eq!(Identity::of_config(&BTreeMap::new()), None);
    }

    #[test]
    fn a_resource_that_is_there_keeps_what_is_not_known_better() {
        let connection = Connection {
            identity: Identity { subscription: "s".into(), group: "g".into(), name: "n".into() },
            location: "there".into(),
            tenant: "t".into(),
            distribution: "k3s".into(),
            infrastructure: "generic".into(),
            hub: "https://hub".into(),
            authorities: None,
            image: None,
            proxy: Proxy::default(),
        };
        let before = json!({"location": "here", "tags": {"a": "1", "b": "2"}, "properties":
            {"agentPublicKeyCertificate": "OLD", "distribution": "generic", "arcAgentProfile": {"agentAutoUpgrade": "Disabled"}}});
        let tags = BTreeMap::from([("b".to_owned(), "3".to_owned())]);
        assert_eq!(
            connection.resource(Some(&before), "KEY", &tags),
            json!({"location": "here", "tags": {"a": "1", "b": "3"}, "identity": {"type": "SystemAssigned"}, "properties":
                {"agentPublicKeyCertificate": "KEY", "distribution": "k3s", "arcAgentProfile": {"agentAutoUpgrade": "Disabled"}, "infrastructure": "generic"}})
        );
    }
}
