//! Single files by HTTP, with the authorities, proxies and bounds of repositories.
use super::{FetchError, GitOptions, authorities, bounds::Bounds, redacted, wire};
use reqwest::{Client, Url, redirect};
use std::{io, time::Duration};
use tokio_util::sync::CancellationToken;

/// Most redirects of one request.
const MAX_REDIRECTS: usize = 10;
/// Some servers refuse clients without a name.
const USER_AGENT: &str = concat!("arcwright/", env!("CARGO_PKG_VERSION"));

/// Reads a file by `https://` or `http://`.
///
/// Follows redirects to other servers, never from https to http. A user and a password in the address are for its own
/// server only.
///
/// # Errors
/// When the address is of another kind, the server cannot be reached, is not trusted or refuses, or a bound is exceeded.
pub async fn read_file(
    url: &str,
    options: &GitOptions,
    timeout: Duration,
    cancel: &CancellationToken,
) -> Result<Vec<u8>, FetchError> {
    let bounds = Bounds::new(redacted(url), timeout, cancel.clone(), options.max_bytes);
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let parsed = parsed.ok_or_else(|| FetchError::Unsupported {
        url: bounds.url().to_owned(),
        what: "is no address of a file on the web".to_owned(),
    })?;
    let client = client(options, &bounds)?;
    let told = |error: reqwest::Error| told(&bounds, error);
    let mut response = bounds.within(client.get(parsed).send()).await?.map_err(told)?;
    if !response.status().is_success() {
        return Err(FetchError::Status { url: bounds.url().to_owned(), status: response.status().to_string() });
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = bounds.within(response.chunk()).await?.map_err(told)? {
        bounds.count(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn client(options: &GitOptions, bounds: &Bounds) -> Result<Client, FetchError> {
    let url = || bounds.url().to_owned();
    let config = authorities::client_config(None).map_err(|why| FetchError::Authorities { url: url(), why })?;
    let mut client = Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(redirect::Policy::custom(follow))
        .referer(false)
        .user_agent(USER_AGENT)
        .no_proxy();
    for proxy in options.proxy.proxies().map_err(|why| FetchError::Proxy { url: url(), why })? {
        client = client.proxy(proxy);
    }
    client.build().map_err(|error| told(bounds, error))
}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_secret = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error(format!("it redirects more than {MAX_REDIRECTS} times"))
    } else if was_secret && attempt.url().scheme() != "https" {
        attempt.error("it redirects from https to http")
    } else {
        attempt.follow()
    }
}

fn told(bounds: &Bounds, error: reqwest::Error) -> FetchError {
    let error: io::Error = wire::failed(bounds, error);
    error
        .downcast::<FetchError>()
        .unwrap_or_else(|error| FetchError::Transport { url: bounds.url().to_owned(), source: error.into() })
}
