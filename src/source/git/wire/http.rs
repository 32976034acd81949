//! Git over HTTP: one request for the advertisement, one for the pack.
//!
//! Redirects are followed as git does by default (`http.followRedirects=initial`), but never to another
//! origin: only the first request may be redirected, and only within the same scheme, host and port.
//!
//! Source: gitprotocol-http, "Smart Clients".
use super::{ProxySettings, Wire};
use crate::{
    model::configuration::Credentials,
    source::git::{
        FetchError, authorities,
        bounds::{Bounds, Metered},
        packets::bad,
        text::tame,
        url::RepoUrl,
    },
};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header};
use secrecy::{ExposeSecret as _, SecretString};
use std::io::{self, BufReader, Read};
use tokio::runtime::Handle;
use tokio_util::bytes::{Buf as _, Bytes};

/// Most redirects of one request, as in curl's and git's default.
const MAX_REDIRECTS: usize = 20;
/// The path of the advertisement within a repository.
const INFO_REFS: &str = "/info/refs";
/// Servers tell Git from browsers by a name that begins like this.
const USER_AGENT: &str = concat!("git/2.0 (arcwright ", env!("CARGO_PKG_VERSION"), ")");

/// How to log in.
enum Login {
    None,
    Basic(String, SecretString),
    Bearer(SecretString),
}

/// A repository that is asked by HTTP.
pub(super) struct HttpWire<'a> {
    client: Client,
    base: Url,
    has_moved: bool,
    login: Login,
    bounds: &'a Bounds,
    runtime: Handle,
}

impl<'a> HttpWire<'a> {
    pub(super) fn new(
        url: &RepoUrl,
        credentials: &Credentials,
        proxy: &ProxySettings,
        moved_to: Option<&str>,
        bounds: &'a Bounds,
    ) -> io::Result<Self> {
        let address = || bounds.url().to_owned();
        let config = authorities::client_config(credentials.ca_bundle.as_deref())
            .map_err(|why| FetchError::Authorities { url: address(), why })?;
        let mut client = Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(USER_AGENT)
            .no_proxy();
        for proxy in proxy.proxies().map_err(|why| FetchError::Proxy { url: address(), why })? {
            client = client.proxy(proxy);
        }
        let parsed = |text: &str| Url::parse(text).ok().ok_or_else(|| bad("its address cannot be asked for by HTTP"));
        let own = parsed(&url.web_address())?;
        // The origin was compared when the server redirected.
        let base = moved_to.map(parsed).transpose()?.filter(|moved| moved.origin() == own.origin()).unwrap_or(own);
        Ok(Self {
            client: client.build().map_err(|error| failed(bounds, error))?,
            base,
            has_moved: moved_to.is_some(),
            login: login(url, credentials),
            bounds,
            runtime: Handle::current(),
        })
    }

    fn send(&self, request: RequestBuilder) -> io::Result<Response> {
        let request = match &self.login {
            Login::None => request,
            Login::Basic(user, password) => request.basic_auth(user, Some(password.expose_secret())),
            Login::Bearer(token) => request.bearer_auth(token.expose_secret()),
        };
        let response = self.runtime.block_on(self.bounds.within(request.send()))?;
        response.map_err(|error| failed(self.bounds, error))
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// Takes the repository for being where the server says, when that is the same server.
    fn follow(&mut self, response: &Response) -> io::Result<()> {
        let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| response.url().join(location).ok());
        let target = target.ok_or_else(|| bad("it redirects to nowhere"))?;
        if target.origin() != self.base.origin() {
            let to = tame(super::super::redacted(target.as_str()).as_bytes());
            let to = to.strip_suffix(INFO_REFS).unwrap_or(&to).to_owned();
            return Err(FetchError::Redirect { url: self.bounds.url().to_owned(), to }.into());
        }
        let path = target.path().strip_suffix(INFO_REFS);
        let path = path.ok_or_else(|| bad("it redirects to a page, as servers do that want a person to log in"))?;
        self.base.set_path(path);
        self.has_moved = true;
        Ok(())
    }

    /// Fails unless the response is what was asked for.
    fn expect(&self, response: &Response, content: &str) -> io::Result<()> {
        let url = || self.bounds.url().to_owned();
        match response.status() {
            StatusCode::OK => {}
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let credentials = match (&self.login, status) {
                    (Login::None, _) => "to be read without credentials; give httpsUser and httpsKey".to_owned(),
                    (_, StatusCode::FORBIDDEN) => format!("{} the right to read it; check what it may do", self.who()),
                    _ => format!("{}; check httpsUser and httpsKey", self.who()),
                };
                return Err(FetchError::Authentication { url: url(), credentials }.into());
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Err(FetchError::RepositoryNotFound { url: url(), credentials: self.who().to_owned() }.into());
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let why = "it wants a user and a password; give them in its address".to_owned();
                return Err(FetchError::Proxy { url: url(), why }.into());
            }
            status if status.is_redirection() => return Err(bad("it redirects a request for a pack")),
            status => return Err(FetchError::Status { url: url(), status: status.to_string() }.into()),
        }
        let found = response.headers().get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes).unwrap_or_default();
        if found == content.as_bytes() {
            return Ok(());
        }
        let found = tame(found);
        Err(bad(format!("it sends {}, not {content}", if found.is_empty() { "something of no type" } else { &found })))
    }

    fn who(&self) -> &'static str {
        match self.login {
            Login::None => "a visitor without credentials",
            Login::Basic(..) => "the user and token",
            Login::Bearer(_) => "the token",
        }
    }

    fn body(&self, response: Response) -> Box<dyn Read + '_> {
        let body = Body { response, chunk: Bytes::new(), bounds: self.bounds, runtime: self.runtime.clone() };
        Box::new(BufReader::new(Metered::new(body, self.bounds)))
    }
}

impl Wire for HttpWire<'_> {
    fn advertisement(&mut self) -> io::Result<Box<dyn Read + '_>> {
        for _ in 0..=MAX_REDIRECTS {
            let mut url = self.at(INFO_REFS);
            url.set_query(Some("service=git-upload-pack"));
            let response = self.send(self.client.get(url).header(header::PRAGMA, "no-cache"))?;
            if response.status().is_redirection() {
                self.follow(&response)?;
                continue;
            }
            self.expect(&response, "application/x-git-upload-pack-advertisement")?;
            return Ok(self.body(response));
        }
        Err(bad(format!("it redirects more than {MAX_REDIRECTS} times")))
    }

    fn ask(&mut self, request: Vec<u8>) -> io::Result<Box<dyn Read + '_>> {
        let post = self
            .client
            .post(self.at("/git-upload-pack"))
            .header(header::CONTENT_TYPE, "application/x-git-upload-pack-request")
            .header(header::ACCEPT, "application/x-git-upload-pack-result")
            .body(request);
        let response = self.send(post)?;
        self.expect(&response, "application/x-git-upload-pack-result")?;
        Ok(self.body(response))
    }

    fn speaks_first(&self) -> bool {
        false
    }

    fn moved_to(&self) -> Option<String> {
        self.has_moved.then(|| self.base.to_string())
    }
}

/// What the configuration says comes before what the address says.
fn login(url: &RepoUrl, credentials: &Credentials) -> Login {
    if let Some(token) = &credentials.bearer_token {
        return Login::Bearer(token.clone());
    }
    if let Some(password) = &credentials.password {
        return Login::Basic(credentials.user.clone().unwrap_or_else(|| "git".to_owned()), password.clone());
    }
    match url.own_credentials() {
        Some((user, password)) => Login::Basic(user.to_owned(), password.clone()),
        None => Login::None,
    }
}

/// The body of a response, waited for no longer than the bounds allow.
struct Body<'a> {
    response: Response,
    chunk: Bytes,
    bounds: &'a Bounds,
    runtime: Handle,
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            let chunk = self.runtime.block_on(self.bounds.within(self.response.chunk()))?;
            match chunk.map_err(|error| failed(self.bounds, error))? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let bytes = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..bytes]);
        Ok(bytes)
    }
}

/// What went wrong, without the layers that only say that something did.
pub(in crate::source::git) fn failed(bounds: &Bounds, error: reqwest::Error) -> io::Error {
    let url = || bounds.url().to_owned();
    let error = error.without_url();
    let mut innermost: &(dyn std::error::Error + 'static) = &error;
    let mut says_tunnel = false;
    loop {
        if let Some(why) = innermost.downcast_ref::<rustls::Error>().and_then(authorities::told) {
            return FetchError::Certificate { url: url(), why }.into();
        }
        let wrapped = innermost.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        says_tunnel |= innermost.to_string().contains("tunnel");
        match wrapped.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| innermost.source()) {
            Some(inner) => innermost = inner,
            None => break,
        }
    }
    let text = tame(innermost.to_string().as_bytes());
    if says_tunnel {
        return FetchError::Proxy { url: url(), why: text }.into();
    }
    FetchError::Transport { url: url(), source: text.into() }.into()
}
