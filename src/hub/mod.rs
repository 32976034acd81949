//! The control plane: the resources of Azure Arc-enabled Kubernetes, for those who have no Azure.
//!
//! Unmodified clients of Azure Resource Manager work against it. Nothing that it answers is held in memory only: what was
//! accepted is in the store, and several processes may share one.
//!
//! ```text
//! HTTPS --routes--> who asks (access) -> what is asked for (arm, pure) -> store
//! ```
mod access;
mod arm;
mod authority;
mod bootstrap;
mod connectivity;
mod enrolment;
mod maintenance;
mod page;
mod routes;
mod seal;
mod store;
mod upkeep;
mod users;
mod webhook;

pub use authority::AuthorityError;
pub use bootstrap::{BootstrapError, Credential};
pub use maintenance::{Checked, MaintenanceError, backup, check};
pub use seal::{Seal, SealError};
pub use store::{Place, Store, StoreError};
pub use users::{NewUser, User, UserError, UserRole, Users};
pub use webhook::{Webhook, WebhookError};

use crate::runtime::clock::Clock;
pub use access::KeyError;
use access::{Known, Lockout, Rate, Signer};
use authority::Authority;
use axum_server::{Handle, tls_rustls::RustlsConfig};
use bootstrap::Identity;
use secrecy::ExposeSecret as _;
use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Longest time for requests that are under way when the process is told to end.
const DRAIN: Duration = Duration::from_secs(10);

/// Settings that are sealed, each under its own name.
const SEALED_SETTINGS: [&str; 2] = ["signing-key", "authority"];

/// How a control plane is to be run.
pub struct Settings {
    /// Its store.
    pub place: Place,
    /// What seals secrets in the store.
    pub seal: Seal,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// URL by which clients reach it; from the address when absent.
    pub endpoint: Option<String>,
    /// Names and addresses of its certificate.
    pub names: Vec<String>,
    /// Certificate and key in PEM, to be used instead of one that its own authority signs.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Where the first start writes the owner's credential.
    pub bootstrap_file: PathBuf,
    /// Where the authority's certificate is written.
    pub ca_file: PathBuf,
    /// Who is told of what happens to clusters.
    pub webhook: Option<Webhook>,
    /// Whether a cluster may always enrol again with its onboarding key, without being allowed to each time.
    pub may_always_enrol: bool,
    /// Sign-ins and enrolments a second that an address may ask for; ten times as many at once.
    pub sign_ins: u32,
}

/// Why a control plane does not run.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The first start.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// Something sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The certificate.
    #[error("the server's certificate and key cannot be used")]
    Certificate(#[source] io::Error),
    /// Serving ended.
    #[error("serving broke off")]
    Serve(#[source] io::Error),
}

/// What every request needs.
struct Hub {
    store: Store,
    seal: Seal,
    signer: Signer,
    authority: Authority,
    lockout: Lockout,
    rate: Rate,
    known: Known,
    identity: Identity,
    clock: Arc<dyn Clock>,
    /// URL without a slash at the end.
    endpoint: String,
    may_always_enrol: bool,
    /// Ends what waits, when the process is told to end.
    stopping: CancellationToken,
}

/// A control plane that listens.
pub struct Running {
    hub: Arc<Hub>,
    listener: TcpListener,
    address: SocketAddr,
    tls: RustlsConfig,
    webhook: Option<Webhook>,
    /// Whether this was the first start, so that an owner's credential was written.
    pub is_first: bool,
}

impl Running {
    /// Opens the store, makes what the first start makes, and listens.
    ///
    /// # Errors
    /// When any of that cannot be done.
    pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, HubError> {
        let Settings {
            place,
            seal,
            listen,
            endpoint,
            names,
            certificate,
            bootstrap_file,
            ca_file,
            webhook,
            may_always_enrol,
            sign_ins,
        } = settings;
        let failed = |source| HubError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let endpoint = endpoint.unwrap_or_else(|| format!("https://{}", reachable(address)));
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let store = Store::open(&place).await?;
        let now = clock.now();
        store.check_quickly().await?;
        store.sweep_audit(now).await?;
        let authority = Authority::open(&store, &seal, now).await?;
        bootstrap::write(&ca_file, authority.certificate(), 0o644)?;
        let tls = match certificate {
            Some((certificate, key)) => RustlsConfig::from_pem_file(certificate, key).await,
            None => {
                let (certificate, key) = authority.serve_as(&served_names(names, &endpoint, address), now)?;
                RustlsConfig::from_pem(certificate.into_bytes(), key.expose_secret().as_bytes().to_vec()).await
            }
        };
        let tls = tls.map_err(HubError::Certificate)?;
        let signer = signer(&store, &seal).await?;
        let identity = bootstrap::identity(&store).await?;
        store.set_setting("endpoint", &endpoint).await?;
        for provider in arm::providers() {
            store.register_first(&identity.subscription, provider.namespace).await?;
        }
        let place = bootstrap::Place { file: &bootstrap_file, endpoint: &endpoint, ca_file: &ca_file };
        let is_first = bootstrap::owner(&store, &identity, &place, now).await?;
        let hub = Hub {
            store,
            seal,
            signer,
            authority,
            lockout: Lockout::default(),
            rate: Rate::new(sign_ins),
            known: Known::default(),
            identity,
            clock,
            endpoint,
            may_always_enrol,
            stopping: CancellationToken::new(),
        };
        Ok(Self { hub: Arc::new(hub), listener, address, tls, webhook, is_first })
    }

    /// URL by which clients reach it.
    pub fn endpoint(&self) -> &str {
        &self.hub.endpoint
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until cancelled, and then ends what is under way, within 10 s.
    ///
    /// # Errors
    /// When listening breaks off.
    pub async fn serve(self, cancel: CancellationToken) -> Result<(), HubError> {
        let handle = Handle::new();
        let (stopping, hub) = (handle.clone(), Arc::clone(&self.hub));
        let stop = tokio::spawn(async move {
            cancel.cancelled().await;
            hub.stopping.cancel();
            stopping.graceful_shutdown(Some(DRAIN));
        });
        let server = axum_server::from_tcp_rustls(self.listener, self.tls).map_err(HubError::Serve)?;
        let upkeep = upkeep::start(&self.hub, self.webhook);
        let service = routes::router(Arc::clone(&self.hub)).into_make_service_with_connect_info::<SocketAddr>();
        let served = server.handle(handle).serve(service).await.map_err(HubError::Serve);
        stop.abort();
        self.hub.stopping.cancel();
        upkeep.wait().await;
        self.hub.store.close().await;
        served
    }
}

async fn signer(store: &Store, seal: &Seal) -> Result<Signer, HubError> {
    let make = || Ok::<_, HubError>(Signer::make()?);
    let key = store.secret_setting_or(seal, "signing-key", make).await?;
    Ok(Signer::new(&key)?)
}

/// An address that a client on the same machine can use.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let loopback = if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
    SocketAddr::new(loopback, address.port())
}

/// The names of the server's certificate: those that are given, that of the endpoint, and those of the machine itself.
fn served_names(mut names: Vec<String>, endpoint: &str, address: SocketAddr) -> Vec<String> {
    let authority: Option<http::Uri> = endpoint.parse().ok();
    names.extend(authority.as_ref().and_then(http::Uri::host).map(|host| host.trim_matches(['[', ']']).to_owned()));
    names.extend([
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
        reachable(address).ip().to_string(),
    ]);
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}
