//! One HTTPS client for everything that is said to a control plane: whom it trusts, what it bears, and when it tries again.
use bytes::{Bytes, BytesMut};
use reqwest::{Certificate, Method, StatusCode, Url, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Longest time for reaching a server.
const CONNECT: Duration = Duration::from_secs(15);
/// Longest time for one request, beyond what the server is asked to wait.
const REQUEST: Duration = Duration::from_secs(60);
/// Largest answer in bytes.
const MAX_ANSWER: usize = 32 << 20;
/// Tries of a request that may be repeated.
const TRIES: u32 = 4;
/// First wait between tries; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest wait between tries that a server may ask for here; beyond that the caller is told.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Longest part of a server's message that is passed on, in characters.
const MAX_MESSAGE: usize = 500;

/// Why a control plane did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// The certificates that are to be trusted are none.
    #[error("the authorities that the control plane is trusted by are no PEM certificates")]
    Authorities(#[source] reqwest::Error),
    /// The URL is none.
    #[error("{url:?} is no https URL")]
    Url {
        /// What was given, without what comes before an `@`.
        url: String,
    },
    /// It could not be reached, or broke off.
    #[error("{host} does not answer")]
    Transport {
        /// The server.
        host: String,
        /// Why, without the URL.
        #[source]
        source: reqwest::Error,
    },
    /// It answered with an error.
    #[error("{host} answered {status}{}: {message}", .code.as_ref().map(|code| format!(" {code}")).unwrap_or_default())]
    Refused {
        /// The server.
        host: String,
        /// Status of the answer.
        status: u16,
        /// Code of the error, as in `ResourceNotFound` or `invalid_client`.
        code: Option<String>,
        /// What it says, in one line.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// Nothing here proves who this is.
    #[error("there is no token for {host}: {why}")]
    Credential {
        /// What the token was to be for.
        host: String,
        /// Why, in one line.
        why: String,
    },
    /// It answered something else than it should.
    #[error("{host} answered something that is not understood: {what}")]
    Answer {
        /// The server.
        host: String,
        /// What is wrong.
        what: String,
    },
}

impl CloudError {
    /// What a credential of Azure failed by. Its bodies, which could hold anything, are left out.
    pub(super) fn credential(host: &str, error: &azure_core::Error) -> Self {
        Self::Credential { host: host.to_owned(), why: one_line(&error.to_string(), MAX_MESSAGE) }
    }

    /// Whether the same request may succeed later, with nothing changed here.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Credential { .. } => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::Authorities(_) | Self::Url { .. } | Self::Answer { .. } => false,
        }
    }

    /// The status of an answer.
    pub fn status(&self) -> Option<u16> {
        if let Self::Refused { status, .. } = self { Some(*status) } else { None }
    }

    /// The code of an error.
    pub fn code(&self) -> Option<&str> {
        if let Self::Refused { code, .. } = self { code.as_deref() } else { None }
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Refused { retry_after, .. } = self { *retry_after } else { None }
    }
}

/// A client. Cloning is cheap, and shares connections.
#[derive(Clone, Debug)]
pub struct Http(reqwest::Client);

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    method: Method,
    url: Url,
    bearer: Option<SecretString>,
    headers: Vec<(header::HeaderName, String)>,
    body: Option<(&'static str, SecretString)>,
    wait: Duration,
    tries: u32,
}

/// An answer whose status is one of success, or 304.
#[derive(Debug)]
pub struct Answer {
    host: String,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: header::HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Ask {
    /// A request. `base` is the URL of a server, `path` begins with a slash and may have a query.
    ///
    /// # Errors
    /// When they do not make an https URL.
    pub fn new(method: Method, base: &str, path: &str) -> Result<Self, CloudError> {
        let shown = || CloudError::Url { url: base.rsplit('@').next().unwrap_or_default().to_owned() };
        // By itself: with the path behind it, a part of that would be the host of a URL that has none.
        base.parse::<Url>().ok().ok_or_else(shown)?;
        let url: Url = format!("{}{path}", base.trim_end_matches('/')).parse().ok().ok_or_else(shown)?;
        let is_fine =
            url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none();
        if !is_fine {
            return Err(shown());
        }
        Ok(Self { method, url, bearer: None, headers: Vec::new(), body: None, wait: Duration::ZERO, tries: TRIES })
    }

    /// With a token of access.
    #[must_use]
    pub fn bearer(mut self, token: SecretString) -> Self {
        self.bearer = Some(token);
        self
    }

    /// With a parameter of the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body of JSON. It counts as a secret.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = Some(("application/json", SecretString::from(body.to_string())));
        self
    }

    /// With a form. It counts as a secret.
    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body = Some(("application/x-www-form-urlencoded", SecretString::from(form)));
        self
    }

    /// The server is asked to wait so long before it answers.
    #[must_use]
    pub fn waiting(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Is tried once, whatever happens.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.tries = 1;
        self
    }
}

impl Http {
    /// A client that trusts the machine's authorities, and those of `authorities` (PEM) besides. Proxies are those of the
    /// environment.
    ///
    /// # Errors
    /// When the authorities are none.
    pub fn new(authorities: Option<&[u8]>) -> Result<Self, CloudError> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .user_agent(concat!("arcwright/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(90))
            .tcp_keepalive(Duration::from_secs(30));
        if let Some(pem) = authorities {
            let all = Certificate::from_pem_bundle(pem).map_err(CloudError::Authorities)?;
            builder = all.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
        }
        builder.build().map(Self).map_err(CloudError::Authorities)
    }

    /// What makes the requests, for a library that makes its own.
    pub(super) fn client(&self) -> reqwest::Client {
        self.0.clone()
    }

    /// Asks, and asks again with growing waits while that may help.
    ///
    /// # Errors
    /// What the last try came to.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, CloudError> {
        let mut wait = FIRST_WAIT;
        let mut tried = 1;
        loop {
            let error = match self.once(&ask).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wanted = error.retry_after().unwrap_or(wait);
            if tried >= ask.tries || !error.is_transient() || wanted > LONGEST_WAIT {
                return Err(error);
            }
            tokio::time::sleep(wanted.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            tried += 1;
            wait *= 2;
        }
    }

    async fn once(&self, ask: &Ask) -> Result<Answer, CloudError> {
        let host = ask.url.host_str().unwrap_or_default().to_owned();
        let failed =
            |source: reqwest::Error| CloudError::Transport { host: host.clone(), source: source.without_url() };
        let mut request = self.0.request(ask.method.clone(), ask.url.clone()).timeout(REQUEST + ask.wait);
        if let Some(token) = &ask.bearer {
            request = request.bearer_auth(token.expose_secret());
        }
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if let Some((kind, body)) = &ask.body {
            request = request.header(header::CONTENT_TYPE, *kind).body(body.expose_secret().to_owned());
        }
        let mut response = request.send().await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(CloudError::Answer { host, what: format!("more than {MAX_ANSWER} bytes") });
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(Answer { host, status, headers, body: body.freeze() });
        }
        Err(refused(host, status, &headers, &body))
    }
}

/// Reads an error as Azure Resource Manager, or as a token endpoint writes it.
fn refused(host: String, status: StatusCode, headers: &header::HeaderMap, body: &[u8]) -> CloudError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let code = text("/error/code").or_else(|| text("/error")).map(|code| one_line(code, 100));
    let message = text("/error/message").or_else(|| text("/error_description"));
    let message = message.or(status.canonical_reason()).unwrap_or("no reason is given");
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    CloudError::Refused {
        host,
        status: status.as_u16(),
        code,
        message: one_line(message, MAX_MESSAGE),
        retry_after: seconds.map(Duration::from_secs),
    }
}

fn one_line(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

impl Answer {
    /// The body.
    ///
    /// # Errors
    /// When it is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CloudError> {
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| CloudError::Answer {
            host: self.host.clone(),
            // What stands there could be a secret.
            what: format!("its field {} is not what it should be", error.path()),
        })
    }

    /// One header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> CloudError {
        let status = StatusCode::from_u16(status).expect("a status");
        refused("hub".into(), status, &header::HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn errors_of_both_forms_are_read_and_stay_in_one_line() {
        let arm = error(404, r#"{"error":{"code":"ResourceNotFound","message":"not\nthere"}}"#);
        assert_eq!(arm.to_string(), "hub answered 404 ResourceNotFound: not there");
        let oauth = error(401, r#"{"error":"invalid_client","error_description":"wrong"}"#);
        assert_eq!((oauth.code(), oauth.is_transient()), (Some("invalid_client"), false));
        assert_eq!(error(503, "<html>").to_string(), "hub answered 503: Service Unavailable");
        assert!(error(503, "").is_transient() && error(429, "").is_transient());
    }

    #[test]
    fn only_https_is_asked_and_no_password_is_repeated() {
        for base in ["http://hub", "https://me:S3CRET@hub", "hub", "https://"] {
            let refused = Ask::new(Method::GET, base, "/x").expect_err(base).to_string();
            assert!(!refused.contains("S3CRET"), "{refused}");
        }
        let ask = Ask::new(Method::GET, "https://hub:8443/", "/x?a=b").expect("fine").query("id", "/a b");
        assert_eq!(ask.url.as_str(), "https://hub:8443/x?a=b&id=%2Fa+b");
    }
}
