//! A control plane of a test: the real program, on a store of its own, and a client that signs in.
use crate::postgres::Postgres;
use arcwright::{
    hub::{Place, Seal, Webhook},
    runtime::clock::Clock,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock},
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    Runtime::new().expect("a runtime")
});

/// Says something even when the test passes, whose output is kept back.
pub(crate) fn tell(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// What a control plane runs as.
enum Running {
    /// A process; killed when dropped.
    Process(Child),
    /// A part of this process; told to end when dropped.
    Part(CancellationToken),
}

/// A control plane.
pub(crate) struct Hub {
    running: Running,
    /// URL that it says it is.
    pub(crate) endpoint: String,
    /// URL at which it listens.
    address: String,
    pub(crate) bootstrap: Value,
    client: reqwest::Client,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The code of an error.
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Hub {
    /// Starts one; `data` is a file or a URL, `directory` holds its files.
    pub(crate) fn start(data: &str, directory: &Path) -> Self {
        Self::start_at("127.0.0.1:0", data, directory, &[])
    }

    /// Starts one at an address, with further arguments.
    pub(crate) fn start_at(address: &str, data: &str, directory: &Path, more: &[&str]) -> Self {
        let bootstrap = directory.join("bootstrap.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_arcwright"));
        command.args(["hub", "--data", data, "--listen", address, "--seal-key"]).arg(directory.join("seal"));
        command.arg("--bootstrap").arg(&bootstrap).args(more).current_dir(directory);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("arcwright runs");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut said = String::new();
        let (endpoint, address) = loop {
            let line = lines.next();
            assert!(line.is_some(), "it ended: {said}");
            let line = line.and_then(Result::ok).unwrap_or_default();
            if let Some((endpoint, address)) =
                line.strip_prefix("control plane at ").and_then(|rest| rest.split_once(", listening on "))
            {
                break (endpoint.to_owned(), format!("https://{address}"));
            }
            said += &line;
        };
        // It is read to its end, so that the process never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self::reached(Running::Process(child), endpoint, address, directory, &bootstrap)
    }

    /// A part of this process, with a clock of the test's own.
    fn part(data: &str, clock: Arc<dyn Clock>, webhook: Webhook, directory: &Path) -> Self {
        let bootstrap = directory.join("bootstrap.json");
        let settings = arcwright::hub::Settings {
            place: Place::read(data),
            seal: Seal::at(&directory.join("seal")).expect("a key"),
            listen: ([127, 0, 0, 1], 0).into(),
            endpoint: None,
            names: Vec::new(),
            certificate: None,
            bootstrap_file: bootstrap.clone(),
            ca_file: directory.join("ca.pem"),
            webhook: Some(webhook),
            may_always_enrol: false,
            sign_ins: 200,
        };
        let hub = RUNTIME.block_on(arcwright::hub::Running::start(settings, clock)).expect("a control plane");
        let (endpoint, cancel) = (hub.endpoint().to_owned(), CancellationToken::new());
        RUNTIME.spawn(hub.serve(cancel.clone()));
        Self::reached(Running::Part(cancel), endpoint.clone(), endpoint, directory, &bootstrap)
    }

    fn reached(running: Running, endpoint: String, address: String, directory: &Path, bootstrap: &Path) -> Self {
        let bootstrap: Value =
            serde_json::from_slice(&std::fs::read(bootstrap).expect("a file")).expect("the owner's credential");
        let authority = std::fs::read(directory.join(bootstrap["caFile"].as_str().expect("a path"))).expect("a file");
        let authority = reqwest::Certificate::from_pem(&authority).expect("a certificate");
        let _entered = RUNTIME.enter();
        let client = reqwest::Client::builder().tls_certs_only([authority]).build().expect("a client");
        Self { running, endpoint, address, bootstrap, client }
    }

    fn text(&self, field: &str) -> &str {
        self.bootstrap[field].as_str().expect("a text")
    }

    pub(crate) fn subscription(&self) -> &str {
        self.text("subscriptionId")
    }

    /// Asks for a token.
    pub(crate) fn sign_in(&self, client: &str, secret: &str) -> Answer {
        self.sign_in_with(&format!("client_id={client}&client_secret={secret}"))
    }

    /// Asks for a token with some proof or other.
    pub(crate) fn sign_in_with(&self, proof: &str) -> Answer {
        self.ask_for_token(&format!("grant_type=client_credentials&{proof}&scope={}/.default", self.endpoint))
    }

    fn ask_for_token(&self, form: &str) -> Answer {
        let url = format!("{}/{}/oauth2/v2.0/token", self.endpoint, self.text("tenantId"));
        let request =
            self.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        answered(request).expect("an answer")
    }

    /// Asks for a token by an assertion.
    pub(crate) fn sign_in_by(&self, client: &str, assertion: &str) -> Answer {
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        self.ask_for_token(&format!(
            "grant_type=client_credentials&client_id={client}&client_assertion_type={kind}&client_assertion={assertion}&scope={}/.default",
            self.endpoint
        ))
    }

    /// The owner's token.
    pub(crate) fn token(&self) -> String {
        let answer = self.sign_in(self.text("clientId"), self.text("clientSecret"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["access_token"].as_str().expect("a token").to_owned()
    }

    fn process(&mut self) -> Option<&mut Child> {
        if let Running::Process(child) = &mut self.running { Some(child) } else { None }
    }

    pub(crate) fn pid(&self) -> u32 {
        if let Running::Process(child) = &self.running { child.id() } else { std::process::id() }
    }

    /// As [`Hub::ask`]; none where nobody answers.
    pub(crate) fn try_ask(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        answered(self.request(token, method, path, body, headers))
    }

    /// One request with a token; `path` may have a query, and else the version of clusters is asked for.
    pub(crate) fn ask(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_ask(token, method, path, body, headers).expect("an answer")
    }

    fn request(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> reqwest::RequestBuilder {
        let path = if path.contains('?') { path.to_owned() } else { format!("{path}?api-version=2024-01-01") };
        let url = if path.starts_with("https://") { path } else { format!("{}{path}", self.address) };
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, url).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        request
    }

    /// Visits a page as a browser would that follows no redirect: status, headers and text.
    pub(crate) fn visit(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        form: Option<&str>,
    ) -> (u16, reqwest::header::HeaderMap, String) {
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = builder.tls_danger_accept_invalid_certs(true).build().expect("a client");
        let url = format!("{}{path}", self.address);
        let mut request = match form {
            Some(form) => {
                client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())
            }
            None => client.get(url),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        on_runtime(async move {
            let response = request.send().await.expect("an answer");
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            (status, headers, response.text().await.expect("a text"))
        })
    }

    pub(crate) fn kill(mut self) {
        let child = self.process().expect("a process");
        child.kill().expect("killed");
        child.wait().expect("an end");
    }

    /// Tells it to end, and waits for that.
    pub(crate) fn stop(mut self) {
        let child = self.process().expect("a process");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        assert!(child.wait().expect("an end").success());
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        match &mut self.running {
            Running::Process(child) => {
                child.kill().ok();
                child.wait().ok();
            }
            Running::Part(cancel) => cancel.cancel(),
        }
    }
}

/// Waits for something that the library does.
pub(crate) fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// Serves something else of a test over plain HTTP, and says where.
pub(crate) fn serve(router: axum::Router) -> SocketAddr {
    RUNTIME.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    })
}

fn answered(request: reqwest::RequestBuilder) -> Option<Answer> {
    RUNTIME.block_on(async {
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        Some(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    })
}

/// A control plane on a file, with the group `shops`, and the owner's token.
pub(crate) struct Bed {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) data: String,
    pub(crate) hub: Hub,
    pub(crate) token: String,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self::on(store(directory.path()), directory)
    }

    /// With a clock of the test's own, and a webhook.
    pub(crate) fn moved(clock: Arc<dyn Clock>, webhook: &str, secret: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let webhook = RUNTIME.block_on(async { Webhook::new(webhook, &SecretString::from(secret)) });
        let data = store(directory.path());
        let hub = Hub::part(&data, clock, webhook.expect("a webhook"), directory.path());
        Self::of(data, directory, hub)
    }

    /// On a store of any kind.
    pub(crate) fn on(data: String, directory: tempfile::TempDir) -> Self {
        let hub = Hub::start(&data, directory.path());
        Self::of(data, directory, hub)
    }

    /// Of one that runs already.
    pub(crate) fn of(data: String, directory: tempfile::TempDir, hub: Hub) -> Self {
        let token = hub.token();
        let bed = Self { directory, data, hub, token };
        let group = format!("/subscriptions/{}/resourceGroups/shops?api-version=2021-04-01", bed.hub.subscription());
        assert_eq!(bed.ask("PUT", &group, Some(&json!({"location": "here"}))).status, 201);
        bed
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.hub.ask(&self.token, method, path, body, &[])
    }

    /// Runs `arcwright hub` with arguments: whether it succeeded, and what it said and printed.
    pub(crate) fn arcwright(&self, args: &[&str]) -> (bool, String, String) {
        arcwright(self.directory.path(), args)
    }

    pub(crate) fn clusters(&self) -> String {
        let subscription = self.hub.subscription();
        format!("/subscriptions/{subscription}/resourceGroups/shops/providers/Microsoft.Kubernetes/connectedClusters")
    }

    pub(crate) fn cluster(&self, name: &str) -> String {
        format!("{}/{name}", self.clusters())
    }

    /// Makes a cluster.
    pub(crate) fn make(&self, name: &str) {
        assert_eq!(self.ask("PUT", &self.cluster(name), Some(&cluster())).status, 201);
    }

    /// A Flux configuration of a cluster.
    pub(crate) fn flux(&self, cluster: &str, name: &str) -> String {
        let type_name = "Microsoft.KubernetesConfiguration/fluxConfigurations";
        format!("{}/providers/{type_name}/{name}?api-version=2025-04-01", self.cluster(cluster))
    }

    /// Everything that the store holds, as it holds it.
    pub(crate) fn held(&self) -> Vec<u8> {
        if let Some(name) = self.data.strip_prefix("postgres://") {
            let name = name.rsplit('/').next().expect("a name");
            return Postgres::of_suite().expect("a server").dump(name);
        }
        let files =
            std::fs::read_dir(self.directory.path()).expect("a directory").map(|file| file.expect("a file").path());
        let of_store =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("hub.db"));
        files.filter(of_store).flat_map(|path| std::fs::read(path).expect("a file")).collect()
    }
}

/// A store for a test: a file, or, where the suite runs on PostgreSQL, a database of its own.
fn store(directory: &Path) -> String {
    match Postgres::of_suite() {
        Some(server) => server.database(&format!("hub_{}", uuid::Uuid::new_v4().simple())),
        None => directory.join("hub.db").display().to_string(),
    }
}

/// Runs `arcwright hub` in a directory: whether it succeeded, and what it said and printed.
pub(crate) fn arcwright(directory: &Path, args: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arcwright"));
    let done = command.arg("hub").args(args).current_dir(directory).output().expect("arcwright runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.success(), text(&done.stderr), text(&done.stdout))
}

/// A cluster's body.
pub(crate) fn cluster() -> Value {
    json!({"location": "here", "identity": {"type": "SystemAssigned"}, "tags": {"a": "b"},
        "properties": {"agentPublicKeyCertificate": "MII=", "distribution": "k3s"}})
}

/// A Flux configuration's body, with a password.
pub(crate) fn flux() -> Value {
    json!({"properties": {"namespace": "web", "scope": "cluster",
        "gitRepository": {"url": "https://git.example.org/web", "httpsUser": "me", "repositoryRef": {"branch": "main"}},
        "kustomizations": {"app": {"path": "app", "prune": true}},
        "configurationProtectedSettings": {"httpsKey": "VEhFLVNFQ1JFVA=="}}})
}
