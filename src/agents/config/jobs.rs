//! One job a configuration: visiting it, or clearing it away.
use crate::{
    desired::DesiredState,
    model::{
        Door,
        configuration::{Configuration, ConfigurationId, ResourceRef},
    },
};
use std::{collections::BTreeMap, future::Future};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What is done for one configuration: visiting it, or clearing it away.
struct Job {
    /// The form of the configuration that is visited; none when it is cleared away.
    form: Option<Form>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What makes a configuration another one.
#[derive(PartialEq, Eq)]
struct Form {
    digest: String,
    door: Door,
    resource: Option<ResourceRef>,
}

impl Form {
    fn of(configuration: &Configuration) -> Self {
        let Configuration { digest, door, resource, .. } = configuration;
        Self { digest: digest.clone(), door: door.clone(), resource: resource.clone() }
    }
}

/// One job a configuration; the next begins when the one before has ended.
pub(super) struct Jobs {
    jobs: BTreeMap<ConfigurationId, Job>,
    cancel: CancellationToken,
}

impl Jobs {
    /// No jobs yet; those to come end when `cancel` is cancelled.
    pub(super) fn new(cancel: CancellationToken) -> Self {
        Self { jobs: BTreeMap::new(), cancel }
    }

    /// Whether a configuration is visited in this very form.
    pub(super) fn is_running(&self, configuration: &Configuration) -> bool {
        let job = self.jobs.get(&configuration.id);
        job.and_then(|job| job.form.as_ref()).is_some_and(|form| *form == Form::of(configuration))
    }

    /// The configurations that are visited and are not wanted any more.
    pub(super) fn gone(&self, state: &DesiredState) -> Vec<ConfigurationId> {
        self.jobs.iter().filter(|(id, job)| job.form.is_some() && !state.states(id)).map(|(id, _)| id.clone()).collect()
    }

    /// Starts a job when the one before it, which is told to stop, has ended.
    pub(super) fn start<F: Future<Output = ()> + Send>(
        &mut self,
        id: ConfigurationId,
        configuration: Option<&Configuration>,
        work: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) {
        let stop = self.cancel.child_token();
        let before = self.jobs.remove(&id).map(|job| {
            job.stop.cancel();
            job.task
        });
        let own = stop.clone();
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // One that panicked has ended too.
                before.await.ok();
            }
            work(own).await;
        });
        self.jobs.insert(id, Job { form: configuration.map(Form::of), stop, task });
    }

    /// Waits until every job has ended.
    pub(super) async fn wait(self) {
        for job in self.jobs.into_values() {
            job.task.await.ok();
        }
    }
}
