//! A client of Azure Resource Manager: resources by their ids, lists, and operations that take their time.
use super::{
    CloudError, Http, SignIn,
    http::{Answer, Ask},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Version of `/metadata/endpoints`.
const METADATA_VERSION: &str = "2022-09-01";
/// Version of resource groups and providers.
const RESOURCES_VERSION: &str = "2021-04-01";
/// Version of connected clusters.
pub const CLUSTER_VERSION: &str = "2024-01-01";
/// Wait between two looks at an operation, where the control plane says nothing.
const LOOK: Duration = Duration::from_secs(5);
/// Longest such wait.
const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// Longest time of an operation.
const OPERATION: Duration = Duration::from_secs(30 * 60);
/// Most pages of a list.
const MAX_PAGES: usize = 1000;

/// Why a resource is not as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// The control plane did not do what it was asked for.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// It began, and did not succeed.
    #[error("the operation on {id} ended as {status}{}", .why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Operation {
        /// The resource.
        id: String,
        /// `Failed` or `Canceled`.
        status: String,
        /// Code and message.
        why: Option<String>,
    },
    /// It has not ended.
    #[error("the operation on {id} has not ended within {} minutes", OPERATION.as_secs() / 60)]
    Unended {
        /// The resource.
        id: String,
    },
}

impl ArmError {
    /// The error of the request, where it is one.
    pub fn cloud(&self) -> Option<&CloudError> {
        if let Self::Cloud(error) = self { Some(error) } else { None }
    }
}

/// What a control plane says of itself to those who have not signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// URL of its token service.
    pub login: String,
    /// For whom its tokens are.
    pub audience: String,
    /// URL by which it knows itself.
    pub resource_manager: String,
    /// What time it is there.
    pub time: Option<jiff::Timestamp>,
}

impl Endpoints {
    /// Asks a control plane.
    ///
    /// # Errors
    /// When it cannot be reached, or is none.
    pub async fn ask(http: &Http, base: &str) -> Result<Self, CloudError> {
        let path = format!("/metadata/endpoints?api-version={METADATA_VERSION}");
        // Once: whoever corrects a setting does not want to wait.
        let answer = http.ask(Ask::new(Method::GET, base, &path)?.once()).await?;
        let time = answer.header("date").and_then(read_date);
        let body: Value = answer.json()?;
        Self::read(base, &body, time).ok_or_else(|| CloudError::Answer {
            host: base.trim_start_matches("https://").to_owned(),
            what: "its /metadata/endpoints names no authentication.loginEndpoint and audiences".to_owned(),
        })
    }

    fn read(base: &str, body: &Value, time: Option<jiff::Timestamp>) -> Option<Self> {
        // Some versions answer a list of clouds.
        let body = body.as_array().map_or(Some(body), |all| all.first())?;
        let url = |value: &Value| Some(value.as_str()?.trim_end_matches('/').to_owned());
        Some(Self {
            login: url(&body["authentication"]["loginEndpoint"])?,
            audience: url(body["authentication"]["audiences"].as_array()?.first()?)?,
            resource_manager: url(&body["resourceManager"]).unwrap_or_else(|| base.trim_end_matches('/').to_owned()),
            time,
        })
    }
}

/// Source: RFC 9110 section 5.6.7, in the form that servers write.
fn read_date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp())
}

/// A provider of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Whether the subscription may use it.
    pub is_registered: bool,
    /// Where it offers connected clusters.
    pub locations: Vec<String>,
}

/// A client that has a credential.
#[derive(Clone, Debug)]
pub struct Arm {
    http: Http,
    base: String,
    known_as: String,
    sign_in: SignIn,
}

impl Arm {
    /// A client of the control plane at a URL. Nobody is asked yet.
    pub fn new(http: Http, base: &str, endpoints: &Endpoints, sign_in: SignIn) -> Self {
        Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            known_as: endpoints.resource_manager.clone(),
            sign_in,
        }
    }

    /// A resource; none where it is not there.
    ///
    /// # Errors
    /// When the control plane does not answer, or refuses.
    pub async fn get(&self, id: &str, version: &str) -> Result<Option<Value>, CloudError> {
        match self.ask(Method::GET, id, version, None).await {
            Ok(answer) => answer.json().map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes or replaces a resource, waits until that has ended, and returns it.
    ///
    /// # Errors
    /// When it is refused, does not succeed, or does not end.
    pub async fn put(&self, id: &str, version: &str, body: &Value) -> Result<Value, ArmError> {
        let answer = self.ask(Method::PUT, id, version, Some(body)).await?;
        let has_ended = answer.status.is_success() && !is_long(&answer);
        if has_ended {
            return Ok(answer.json()?);
        }
        self.settle(id, answer).await?;
        let missing = || ArmError::Operation { id: id.to_owned(), status: "Failed".to_owned(), why: None };
        self.get(id, version).await?.ok_or_else(missing)
    }

    /// Deletes a resource, and waits until that has ended. False where it was not there.
    ///
    /// # Errors
    /// When it is refused, does not succeed, or does not end.
    pub async fn delete(&self, id: &str, version: &str) -> Result<bool, ArmError> {
        match self.ask(Method::DELETE, id, version, None).await {
            Ok(answer) if answer.status == StatusCode::NO_CONTENT => Ok(false),
            Ok(answer) => self.settle(id, answer).await.map(|()| true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Every resource of a list, with all its pages.
    ///
    /// # Errors
    /// When a page is refused, or leads elsewhere.
    pub async fn list(&self, path: &str, version: &str) -> Result<Vec<Value>, CloudError> {
        let mut all = Vec::new();
        let mut answer = self.ask(Method::GET, path, version, None).await?;
        for _ in 0..MAX_PAGES {
            let mut page: Value = answer.json()?;
            if let Value::Array(values) = page["value"].take() {
                all.extend(values);
            }
            let Some(next) = page["nextLink"].as_str().filter(|link| !link.is_empty()) else { return Ok(all) };
            answer = self.follow(next).await?;
        }
        Err(self.not_understood(format!("a list of more than {MAX_PAGES} pages")))
    }

    /// Location of a resource group; none where it is not there.
    ///
    /// # Errors
    /// When the control plane does not answer, or refuses.
    pub async fn group(&self, subscription: &str, group: &str) -> Result<Option<String>, CloudError> {
        let found = self.get(&group_id(subscription, group), RESOURCES_VERSION).await?;
        Ok(found.map(|group| group["location"].as_str().unwrap_or_default().to_owned()))
    }

    /// Makes a resource group.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn make_group(&self, subscription: &str, group: &str, location: &str) -> Result<(), ArmError> {
        let body = json!({"location": location});
        self.put(&group_id(subscription, group), RESOURCES_VERSION, &body).await.map(drop)
    }

    /// Whether a subscription may use a provider, and where that has connected clusters.
    ///
    /// # Errors
    /// When the control plane does not answer, or refuses.
    pub async fn provider(&self, subscription: &str, namespace: &str) -> Result<Provider, CloudError> {
        let id = format!("/subscriptions/{subscription}/providers/{namespace}");
        Ok(read_provider(&self.get(&id, RESOURCES_VERSION).await?.unwrap_or_default()))
    }

    async fn ask(&self, method: Method, path: &str, version: &str, body: Option<&Value>) -> Result<Answer, CloudError> {
        let mut ask = Ask::new(method, &self.base, path)?.query("api-version", version);
        if let Some(body) = body {
            ask = ask.json(body);
        }
        self.signed(ask).await
    }

    /// Asks with a token, and once more with another one where that is refused.
    async fn signed(&self, ask: Ask) -> Result<Answer, CloudError> {
        let token = self.sign_in.token().await?;
        match self.http.ask(ask.clone().bearer(token)).await {
            Err(error) if error.status() == Some(401) => {
                self.sign_in.forget().await;
                self.http.ask(ask.bearer(self.sign_in.token().await?)).await
            }
            answer => answer,
        }
    }

    /// Follows a link that the control plane gave.
    async fn follow(&self, link: &str) -> Result<Answer, CloudError> {
        let path = below(link, &[&self.base, &self.known_as])
            .ok_or_else(|| self.not_understood("a link that leads to somebody else".to_owned()))?;
        self.signed(Ask::new(Method::GET, &self.base, path)?).await
    }

    fn not_understood(&self, what: String) -> CloudError {
        CloudError::Answer { host: self.base.trim_start_matches("https://").to_owned(), what }
    }

    /// Waits until an operation has ended.
    async fn settle(&self, id: &str, begun: Answer) -> Result<(), ArmError> {
        let deadline = Instant::now() + OPERATION;
        let Some(link) = link_of(&begun) else { return Ok(()) };
        let mut wait = wait_of(&begun);
        while Instant::now() < deadline {
            tokio::time::sleep(wait).await;
            let answer = self.follow(&link).await?;
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            match Standing::of(answer.status, &body) {
                Standing::Done => return Ok(()),
                Standing::Running => wait = wait_of(&answer),
                Standing::Ended { status, why } => {
                    return Err(ArmError::Operation { id: id.to_owned(), status, why });
                }
            }
        }
        Err(ArmError::Unended { id: id.to_owned() })
    }
}

/// How far an operation is.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Running,
    Done,
    Ended { status: String, why: Option<String> },
}

impl Standing {
    /// Source: the asynchronous operations of Azure Resource Manager: a body with `status`, or else the status of the answer.
    fn of(status: StatusCode, body: &Value) -> Self {
        let is = |wanted: &str| body["status"].as_str().is_some_and(|status| status.eq_ignore_ascii_case(wanted));
        if is("Succeeded") {
            Self::Done
        } else if is("Failed") || is("Canceled") {
            let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
            let words: Vec<&str> = [text("/error/code"), text("/error/message")].into_iter().flatten().collect();
            let why = (!words.is_empty()).then(|| words.join(": ").replace(char::is_control, " "));
            Self::Ended { status: text("/status").unwrap_or_default().to_owned(), why }
        } else if status == StatusCode::ACCEPTED || body["status"].is_string() {
            Self::Running
        } else {
            Self::Done
        }
    }
}

fn is_long(answer: &Answer) -> bool {
    answer.status == StatusCode::ACCEPTED || answer.header("azure-asyncoperation").is_some()
}

fn link_of(answer: &Answer) -> Option<String> {
    let named = answer.header("azure-asyncoperation");
    let named = named.or_else(|| answer.header("location").filter(|_| answer.status == StatusCode::ACCEPTED));
    named.map(str::to_owned)
}

fn wait_of(answer: &Answer) -> Duration {
    let seconds = answer.header("retry-after").and_then(|text| text.trim().parse().ok());
    seconds.map_or(LOOK, Duration::from_secs).min(LONGEST_LOOK)
}

/// The path of a link below one of some URLs.
fn below<'a>(link: &'a str, bases: &[&str]) -> Option<&'a str> {
    bases.iter().find_map(|base| link.strip_prefix(base.trim_end_matches('/')).filter(|path| path.starts_with('/')))
}

fn is_absent(error: &CloudError) -> bool {
    let codes = ["ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "NotFound"];
    error.status() == Some(404) && error.code().is_some_and(|code| codes.contains(&code))
}

fn group_id(subscription: &str, group: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{group}")
}

fn read_provider(body: &Value) -> Provider {
    let types = body["resourceTypes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_clusters =
        |one: &&Value| one["resourceType"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("connectedClusters"));
    let locations = types.iter().find(is_clusters).and_then(|one| one["locations"].as_array());
    Provider {
        is_registered: body["registrationState"] == "Registered",
        locations: locations.into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_read_by_its_body_and_else_by_the_status_of_the_answer() {
        let of = |status: u16, body: Value| Standing::of(StatusCode::from_u16(status).expect("a status"), &body);
        assert_eq!(of(200, json!({"status": "Succeeded"})), Standing::Done);
        assert_eq!(of(200, json!({"status": "InProgress"})), Standing::Running);
        assert_eq!(of(202, Value::Null), Standing::Running);
        assert_eq!(of(204, Value::Null), Standing::Done);
        let failed = json!({"status": "Failed", "error": {"code": "Quota", "message": "too\nmany"}});
        let ended = |status: &str, why: Option<&str>| Standing::Ended {
            status: status.to_owned(),
            why: why.map(str::to_owned),
        };
        assert_eq!(of(200, failed), ended("Failed", Some("Quota: too many")));
        assert_eq!(of(200, json!({"status": "Canceled"})), ended("Canceled", None));
    }

    #[test]
    fn a_link_is_followed_to_the_control_plane_itself_and_nowhere_else() {
        let bases = ["https://hub:8443", "https://known.example.org/"];
        assert_eq!(below("https://hub:8443/a?b=c", &bases), Some("/a?b=c"));
        assert_eq!(below("https://known.example.org/a", &bases), Some("/a"));
        for elsewhere in ["https://hub:8443.evil.example.org/a", "https://evil.example.org/a", "http://hub:8443/a", ""]
        {
            assert_eq!(below(elsewhere, &bases), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_control_plane_says_where_to_sign_in_and_what_time_it_is() {
        let cloud = json!({"authentication": {"loginEndpoint": "https://login/", "audiences": ["https://arm/", "x"]},
            "resourceManager": "https://arm/"});
        let time = read_date("Tue, 24 Nov 2026 21:04:44 GMT");
        assert_eq!(time.map(|time| time.to_string()).as_deref(), Some("2026-11-24T21:04:44Z"));
        let read = Endpoints::read("https://arm", &cloud, time).expect("fine");
        assert_eq!((read.login.as_str(), read.audience.as_str()), ("https://login", "https://arm"));
        assert_eq!(Endpoints::read("https://arm", &json!([cloud]), time), Some(read));
        assert_eq!(Endpoints::read("https://arm", &json!({"name": "x"}), time), None);
    }

    #[test]
    fn a_provider_offers_clusters_at_its_locations() {
        let body = json!({"registrationState": "Registered", "resourceTypes": [
            {"resourceType": "operations", "locations": ["x"]},
            {"resourceType": "ConnectedClusters", "locations": ["Global"]}]});
        assert_eq!(read_provider(&body), Provider { is_registered: true, locations: vec!["Global".to_owned()] });
        assert_eq!(read_provider(&Value::Null), Provider { is_registered: false, locations: vec![] });
    }
}
