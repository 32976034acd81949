//! The node that `tests/support/node.sh` has made around this process, and what is installed on it.
use serde_json::Value;
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Once,
    time::{Duration, Instant},
};

/// How long anything may take: only what hangs gets there.
const DEADLINE: Duration = Duration::from_secs(90);
/// The image of the agent, as `./test node` names it.
const IMAGE: [&str; 2] = ["image.repository=node.test/arcwright", "image.tag=1"];

/// The address by which pods reach this process.
pub(crate) fn node_address() -> String {
    variable("NODE_ADDRESS")
}

fn variable(name: &str) -> String {
    let value = std::env::var_os(name).and_then(|value| value.into_string().ok()).unwrap_or_default();
    assert!(!value.is_empty(), "{name} is not set: these tests run by `./test node`");
    value
}

/// Says what was measured.
pub(crate) fn tell(text: &str) {
    writeln!(std::io::stderr(), "measured: {text}").ok();
}

/// What a program prints, or what it complains about.
pub(crate) fn attempt(program: &str, args: &[&str], input: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program is installed");
    child.stdin.take().expect("an input").write_all(input.as_bytes()).ok();
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr) + &text(&output.stdout)) }
}

/// What came of it; a failure is told with what a person would look at first.
fn must(what: &str, done: Result<String, String>) -> String {
    let error = done.as_ref().err();
    assert!(error.is_none(), "{what}: {}\n{}", error.map_or("", String::as_str), situation());
    done.unwrap_or_default()
}

/// What `kubectl` prints.
pub(crate) fn kubectl(args: &[&str]) -> String {
    must(&format!("kubectl {args:?}"), attempt("kubectl", args, ""))
}

/// Applies a text.
pub(crate) fn apply(text: &str) {
    must("kubectl apply", attempt("kubectl", &["apply", "-f", "-"], text));
}

/// One object, or a list.
pub(crate) fn read(args: &[&str]) -> Value {
    serde_json::from_str(&kubectl(&[&["get", "-o", "json"], args].concat())).expect("JSON")
}

/// Waits until something is there. Each look must take its time, as a program does.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "in vain: {what}\n{}", situation());
    }
}

/// Waits for a condition of an object, as `kubectl wait --for` takes it.
pub(crate) fn wait(namespace: &str, object: &str, condition: &str) {
    let (condition, limit) = (format!("--for={condition}"), format!("--timeout={}s", DEADLINE.as_secs()));
    let args = ["wait", "--namespace", namespace, object, &condition, &limit];
    must(&format!("{object} in {namespace}, {condition}"), attempt("kubectl", &args, ""));
}

/// What a person would look at first.
fn situation() -> String {
    let look = |args: &[&str]| attempt("kubectl", args, "").unwrap_or_else(|error| error);
    let pods = look(&["get", "pods", "--all-namespaces", "-o", "wide"]);
    let events = look(&["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"]);
    let logs = look(&["logs", "--namespace", Release::NAMESPACE, "--selector", Release::SELECTOR, "--tail=30"]);
    let last = |text: &str, count| {
        text.lines().rev().take(count).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    };
    format!("{pods}\n{}\n{}", last(&events, 25), last(&logs, 60))
}

/// Makes the image known to the node.
pub(crate) fn import_image() {
    static IMPORTED: Once = Once::new();
    IMPORTED.call_once(|| {
        let archive = variable("ARCWRIGHT_NODE_IMAGE");
        attempt("ctr", &["-n", "k8s.io", "image", "import", &archive], "").expect("the image is imported");
    });
}

/// The chart, installed. It goes with the test, and with it what it leaves behind on purpose.
pub(crate) struct Release {
    /// Seconds from `helm install` until it returned: all pods ready.
    pub(crate) ready_after: f64,
}

impl Release {
    pub(crate) const NAMESPACE: &str = "azure-arc";
    pub(crate) const SELECTOR: &str = "app.kubernetes.io/component=config-agent";

    /// Installs the chart with values in a namespace of level `restricted`, and waits until all its pods are ready.
    pub(crate) fn install(values: &str) -> Self {
        import_image();
        kubectl(&["create", "namespace", Self::NAMESPACE]);
        kubectl(&["label", "namespace", Self::NAMESPACE, "pod-security.kubernetes.io/enforce=restricted"]);
        let begun = Instant::now();
        let release = Self::helm("install", values);
        let ready_after = begun.elapsed().as_secs_f64();
        must("helm install", release);
        Self { ready_after }
    }

    /// Upgrades it, and waits until all its pods are ready.
    pub(crate) fn upgrade(&self, values: &str) {
        assert!(self.ready_after > 0.0, "it was installed");
        must("helm upgrade", Self::helm("upgrade", values));
    }

    fn helm(what: &str, values: &str) -> Result<String, String> {
        let image = IMAGE.join(",");
        let args = [
            what,
            "arcwright",
            &chart(),
            "--namespace",
            Self::NAMESPACE,
            "--wait",
            "--timeout=3m",
            "--values=-",
            "--set-string",
            &image,
            "--set=image.pullPolicy=Never",
        ];
        attempt("helm", &args, values)
    }

    /// Whether the API server would take what the chart renders with other values.
    pub(crate) fn would_take(values: &str) {
        let args =
            ["template", "arcwright", &chart(), "--namespace", Self::NAMESPACE, "--kube-version=1.36.0", "--values=-"];
        let rendered = must("helm template", attempt("helm", &args, values));
        must(
            "a dry run",
            attempt(
                "kubectl",
                &["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"],
                &rendered,
            ),
        );
    }

    /// Removes it as a person would.
    pub(crate) fn uninstall(&self) {
        let args = ["uninstall", "arcwright", "--namespace", Self::NAMESPACE, "--wait", "--timeout=3m"];
        must("helm uninstall", attempt("helm", &args, ""));
    }

    /// The pod that works, and who it says that it is.
    pub(crate) fn leader(&self) -> (String, String) {
        let holder = eventually("a holder of the lease", || {
            let path = "jsonpath={.spec.holderIdentity}";
            let args = ["get", "lease", "arcwright", "--namespace", Self::NAMESPACE, "-o", path];
            attempt("kubectl", &args, "").ok().filter(|holder| !holder.is_empty())
        });
        let pod = holder.rsplit_once('_').expect("a pod and a chance").0.to_owned();
        (pod, holder)
    }

    /// What `arcwright status -o json` says in the pod that works.
    pub(crate) fn status(&self) -> Option<Value> {
        let (pod, _) = self.leader();
        let args =
            ["exec", "--namespace", Self::NAMESPACE, &pod, "--", "/usr/local/bin/arcwright", "status", "-o", "json"];
        serde_json::from_str(&attempt("kubectl", &args, "").ok()?).ok()
    }

    /// Waits until some configurations are there, and all of them are Compliant.
    pub(crate) fn wait_compliant(&self, count: usize) {
        eventually("everything is Compliant", || {
            let status = self.status()?;
            let all = status["configurations"].as_array().or(status.as_array())?;
            let is_compliant = |one: &&Value| one["complianceState"] == "Compliant";
            (all.len() == count && all.iter().filter(is_compliant).count() == count).then_some(())
        });
    }

    /// Takes everything of the agents off the cluster.
    pub(crate) fn clean() {
        let clean: [&[&str]; 4] = [
            &["delete", "arcwright", "--all", "--all-namespaces", "--timeout=60s"],
            &["delete", "clusterrolebinding,clusterrole", "--selector", "app.kubernetes.io/part-of=arcwright"],
            &["delete", "namespace", Self::NAMESPACE, "--timeout=120s"],
            &["delete", "crd", "--selector", "app.kubernetes.io/part-of=arcwright", "--timeout=60s"],
        ];
        for args in clean {
            attempt("kubectl", args, "").ok();
        }
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        Self::clean();
    }
}

fn chart() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("chart").display().to_string()
}

/// One write that the API server was asked for by the agent, dry runs left out.
#[derive(Debug)]
pub(crate) struct Write {
    /// As in `configmaps/shop/colours`.
    pub(crate) object: String,
    pub(crate) verb: String,
}

/// The writes of the agent so far, in their order.
pub(crate) fn writes() -> Vec<Write> {
    let text = std::fs::read_to_string(PathBuf::from(variable("AUDIT_LOG"))).expect("the log of writes");
    let agent = format!("system:serviceaccount:{}:arcwright", Release::NAMESPACE);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["user"]["username"] == agent.as_str())
        .filter(|line| !word(&line["requestURI"]).contains("dryRun=All"))
        .map(|line| {
            let of = &line["objectRef"];
            let object = [&of["resource"], &of["namespace"], &of["name"]].map(word).join("/");
            Write { object, verb: word(&line["verb"]) }
        })
        .collect()
}

/// The process of the agent in a pod. The containers of the node are in this process's own namespace.
pub(crate) fn process_of(pod: &str) -> Option<u32> {
    let hostname = format!("HOSTNAME={pod}");
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        let is_agent = command.starts_with(b"/usr/local/bin/arcwright\0")
            && environment.split(|byte| *byte == 0).any(|variable| variable == hostname.as_bytes());
        is_agent.then_some(pid)
    })
}
