//! A headless Chromium, driven by the protocol of WebDriver.
use crate::bed::{on_runtime, tell};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Key of a reference to an element.
///
/// Source: WebDriver, section "Elements".
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A driver that runs; killed when dropped.
pub(crate) struct Browser {
    driver: Child,
    url: String,
    client: reqwest::Client,
    profiles: tempfile::TempDir,
}

impl Browser {
    /// Starts one. Says so where there is none; where `CI` is set, that is a failure unless it is excused.
    pub(crate) fn start() -> Option<Self> {
        let found = |names: &[&str]| names.iter().map(PathBuf::from).find(|path| path.exists());
        let (driver, chromium) = (found(&["/usr/bin/chromedriver"]), found(&["/usr/bin/chromium"]));
        let (Some(driver), Some(_)) = (driver, chromium) else {
            let [ci, excused] = ["CI", "ARCWRIGHT_WITHOUT_CHROMIUM"].map(|name| std::env::var_os(name).is_some());
            assert!(!ci || excused, "there is no browser: install the packages chromium and chromium-driver");
            tell("NOT RUN: there is no browser; install the packages chromium and chromium-driver");
            return None;
        };
        let mut driver = Command::new(driver);
        let mut driver =
            driver.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("chromedriver runs");
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let port = line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>();
            port.ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        let url = format!("http://127.0.0.1:{}", port.expect("a port"));
        let profiles = tempfile::tempdir().expect("a directory");
        Some(Self { driver, url, client: on_runtime(async { reqwest::Client::new() }), profiles })
    }

    /// Opens a window, with scripts or without.
    pub(crate) fn open(&self, with_scripts: bool) -> Window<'_> {
        let profile = tempfile::tempdir_in(self.profiles.path()).expect("a directory").keep();
        let scripts = if with_scripts { 1 } else { 2 };
        let options = json!({
            "binary": "/usr/bin/chromium",
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
                format!("--user-data-dir={}", profile.display())],
            "prefs": {"profile.managed_default_content_settings.javascript": scripts},
        });
        let wanted =
            json!({"capabilities": {"alwaysMatch": {"acceptInsecureCerts": true, "goog:chromeOptions": options}}});
        let made = self.call("POST", "/session", &wanted).expect("a session");
        Window { browser: self, session: made["sessionId"].as_str().expect("an id").to_owned() }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        if method == reqwest::Method::POST {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let text = on_runtime(async move { request.send().await.expect("an answer").text().await.expect("a text") });
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].clone()),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

/// A window of a browser; closed when dropped.
pub(crate) struct Window<'a> {
    browser: &'a Browser,
    session: String,
}

impl Window<'_> {
    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        self.browser.call(method, &format!("/session/{}{path}", self.session), body)
    }

    fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let done = self.call(method, path, body);
        assert!(done.is_ok(), "{path}: {done:?}");
        done.unwrap_or_default()
    }

    pub(crate) fn go(&self, url: &str) {
        self.done("POST", "/url", &json!({"url": url}));
    }

    pub(crate) fn url(&self) -> String {
        self.done("GET", "/url", &Value::Null).as_str().expect("a text").to_owned()
    }

    fn find(&self, css: &str) -> Option<String> {
        let found = self.call("POST", "/element", &json!({"using": "css selector", "value": css})).ok()?;
        Some(found[ELEMENT].as_str().expect("an element").to_owned())
    }

    /// An element that is there.
    fn found(&self, css: &str) -> String {
        let found = self.find(css);
        assert!(found.is_some(), "there is no {css} at {}", self.url());
        found.unwrap_or_default()
    }

    /// Waits until there is such an element, and returns its text.
    pub(crate) fn text(&self, css: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(element) = self.find(css)
                && let Ok(text) = self.call("GET", &format!("/element/{element}/text"), &Value::Null)
            {
                return text.as_str().expect("a text").to_owned();
            }
            assert!(Instant::now() < deadline, "there is no {css} at {}", self.url());
        }
    }

    /// Waits until an element has a text.
    pub(crate) fn wait_for(&self, css: &str, part: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.text(css).contains(part) {
            assert!(Instant::now() < deadline, "{css} never says {part}, but {}", self.text(css));
        }
    }

    pub(crate) fn type_into(&self, css: &str, text: &str) {
        let element = self.found(css);
        self.done("POST", &format!("/element/{element}/clear"), &json!({}));
        self.done("POST", &format!("/element/{element}/value"), &json!({"text": text}));
    }

    pub(crate) fn click(&self, css: &str) {
        let element = self.found(css);
        self.done("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Runs a script of the test's own, which needs no leave of the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.done("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Runs a script that calls back.
    pub(crate) fn run_until_called(&self, script: &str) -> Value {
        self.done("POST", "/execute/async", &json!({"script": script, "args": []}))
    }

    /// Presses keys, one after the other.
    pub(crate) fn press(&self, keys: &[&str]) {
        let actions: Vec<Value> = keys
            .iter()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        let keyboard = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.done("POST", "/actions", &keyboard);
    }

    fn emulate(&self, command: &str, params: &Value) {
        self.done("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": params}));
    }

    /// Has pages be dark, or light.
    pub(crate) fn be_dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.emulate("Emulation.setEmulatedMedia", &features);
    }

    /// Has the window be of a size.
    pub(crate) fn be_of(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.emulate("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// What can be seen, as a PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let picture = self.done("GET", "/screenshot", &Value::Null);
        STANDARD.decode(picture.as_str().expect("a text")).expect("base64")
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        self.call("DELETE", "", &Value::Null).ok();
    }
}
