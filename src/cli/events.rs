//! `arcwright events`: what the agent told the cluster about its configurations.
use super::{Failure, Outcome, output::Form, ui};
use crate::{api::API_VERSION, cluster::Cluster, model::FIELD_MANAGER};
use clap::Args;
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api,
    api::ListParams,
    runtime::{WatchStreamExt as _, watcher},
};
use serde::Serialize;
use std::{path::PathBuf, pin::pin, process::ExitCode};

/// What the name of an inventory begins with: Events are about it, or about the resource that a configuration came as.
const SUBJECT: &str = "arcwright.";
/// Events that one request lists.
const PAGE: u32 = 500;
/// Failures in a row, with growing waits between them, after which a watch is given up.
const MAX_FAILURES: u32 = 5;

#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    /// Only this configuration: its name, or namespace/name
    name: Option<String>,
    /// Only this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Go on with what happens from now on
    #[arg(short, long)]
    watch: bool,
    /// Kubeconfig; without it the environment decides (KUBECONFIG, in-cluster)
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Form of the output; with --watch, json is one object a line
    #[arg(short, long, default_value = "table")]
    output: Form,
}

/// One Event, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    time: Option<jiff::Timestamp>,
    #[serde(rename = "type")]
    kind: String,
    reason: String,
    namespace: String,
    name: String,
    message: String,
    count: i32,
}

impl Told {
    /// None for an Event about something that is no configuration.
    fn of(event: Event) -> Option<Self> {
        let subject = &event.involved_object;
        let name = subject.name.as_deref()?;
        let is_resource = subject.api_version.as_deref() == Some(API_VERSION);
        let name = if is_resource { name } else { name.strip_prefix(SUBJECT)? }.to_owned();
        let series = event.series.as_ref();
        let time = series
            .and_then(|series| series.last_observed_time.as_ref().map(|time| time.0))
            .or(event.last_timestamp.as_ref().map(|time| time.0))
            .or(event.event_time.as_ref().map(|time| time.0));
        Some(Self {
            time,
            kind: event.type_.unwrap_or_default(),
            reason: event.reason.unwrap_or_default(),
            namespace: event.involved_object.namespace.unwrap_or_default(),
            name,
            message: event.message.unwrap_or_default(),
            count: series.and_then(|series| series.count).or(event.count).unwrap_or(1),
        })
    }

    fn is_about(&self, name: Option<&str>) -> bool {
        name.is_none_or(|name| self.name == name || format!("{}/{}", self.namespace, self.name) == name)
    }

    fn row(&self) -> Vec<String> {
        let time = self.time.map_or_else(|| "-".to_owned(), |time| format!("{time:.0}"));
        let times = if self.count > 1 { format!(" (x{})", self.count) } else { String::new() };
        let configuration = format!("{}/{}", self.namespace, self.name);
        // A message of several lines would break the table.
        let message = format!("{}{times}", self.message.replace(['\n', '\r'], " "));
        vec![time, self.kind.clone(), self.reason.clone(), configuration, message]
    }
}

pub(super) async fn events(args: EventsArgs) -> Outcome {
    let cluster = Cluster::connect(args.kubeconfig.as_deref()).await.map_err(|error| Failure::of(&error))?;
    let api: Api<Event> = match &args.namespace {
        Some(namespace) => Api::namespaced(cluster.client, namespace),
        None => Api::all(cluster.client),
    };
    let selector = format!("reportingComponent={FIELD_MANAGER}");
    if args.watch {
        let config = watcher::Config::default().fields(&selector);
        tokio::select! {
            // Cancel-safe: nothing but the watch is dropped.
            done = follow(watcher(api, config).default_backoff(), &args) => done,
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
        }
    } else {
        let mut all = list(&api, &selector, &args).await?;
        all.sort_by_key(|told| told.time);
        print(&all, args.output)?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(api: &Api<Event>, selector: &str, args: &EventsArgs) -> Result<Vec<Told>, Failure> {
    let mut all = Vec::new();
    let mut params = ListParams::default().fields(selector).limit(PAGE);
    loop {
        let page = api.list(&params).await.map_err(|error| unreachable(&error))?;
        all.extend(page.items.into_iter().filter_map(Told::of).filter(|told| told.is_about(args.name.as_deref())));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}

fn unreachable(error: &dyn std::error::Error) -> Failure {
    Failure::new("the events cannot be read")
        .caused_by(error)
        .hint("check the kubeconfig, and that it may list events; --namespace asks for one namespace only")
}

/// Prints what there is, by time, and then what comes.
async fn follow(
    events: impl Stream<Item = Result<watcher::Event<Event>, watcher::Error>>,
    args: &EventsArgs,
) -> Outcome {
    let mut events = pin!(events);
    let mut before = Vec::new();
    let mut failures = 0;
    let wanted = |event| Told::of(event).filter(|told| told.is_about(args.name.as_deref()));
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => before.clear(),
            Ok(watcher::Event::InitApply(event)) => before.extend(wanted(event)),
            Ok(watcher::Event::InitDone) => {
                before.sort_by_key(|told| told.time);
                before.drain(..).try_for_each(|told| print_line(&told, args.output))?;
            }
            Ok(watcher::Event::Apply(event)) => {
                wanted(event).iter().try_for_each(|told| print_line(told, args.output))?;
            }
            Ok(watcher::Event::Delete(_)) => {}
            Err(error) => {
                failures += 1;
                if failures >= MAX_FAILURES {
                    return Err(unreachable(&error));
                }
                continue;
            }
        }
        failures = 0;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(all: &[Told], form: Form) -> Result<(), Failure> {
    if form.is_machine() {
        return form.print(all);
    }
    if all.is_empty() {
        ui::note(format_args!("there are no events"));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = all.iter().map(Told::row).collect();
    let paint = ui::Paint::detect();
    ui::table(&["TIME", "TYPE", "REASON", "CONFIGURATION", "MESSAGE"], &rows, |column, cell| {
        if column == 1 && cell.trim_end() == "Warning" { paint.yellow(cell) } else { cell.to_owned() }
    });
    Ok(())
}

fn print_line(told: &Told, form: Form) -> Result<(), Failure> {
    match form {
        Form::Json => {
            let text = serde_json::to_string(told).map_err(|error| Failure::of(&error))?;
            ui::line(format_args!("{text}"));
        }
        Form::Yaml => {
            form.print(told)?;
            ui::line(format_args!("---"));
        }
        Form::Table | Form::Wide => ui::line(format_args!("{}", told.row().join("  "))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(value: serde_json::Value) -> Option<Told> {
        Told::of(serde_json::from_value(value).expect("an event"))
    }

    #[test]
    fn an_event_names_its_configuration_and_its_last_time() {
        let event = json!({
            "metadata": {}, "involvedObject": {"kind": "ConfigMap", "namespace": "default", "name": "arcwright.shop"},
            "type": "Warning", "reason": "BuildFailed", "message": "a\nb", "eventTime": "2026-01-01T00:00:00.000000Z",
            "series": {"count": 3, "lastObservedTime": "2026-01-02T00:00:00.000000Z"},
        });
        let shown = told(event).expect("about a configuration");
        assert_eq!(shown.row(), ["2026-01-02T00:00:00Z", "Warning", "BuildFailed", "default/shop", "a b (x3)"]);
        assert!(shown.is_about(Some("shop")) && shown.is_about(Some("default/shop")) && shown.is_about(None));
        assert!(!shown.is_about(Some("web")));
    }

    #[test]
    fn an_event_about_something_else_is_left_out() {
        assert_eq!(told(json!({"metadata": {}, "involvedObject": {"kind": "ConfigMap", "name": "other"}})), None);
        assert_eq!(told(json!({"metadata": {}, "involvedObject": {}})), None);
    }
}
