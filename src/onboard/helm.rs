//! The helm program, which installs the agents and takes them away.
use super::{NAMESPACE, OnboardingKey, RELEASE, chart};
use serde_json::Value;
use std::{
    io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

/// Longest time of one run.
const RUN: Duration = Duration::from_secs(300);
/// Longest part of what it says that is passed on, in characters.
const MAX_SAID: usize = 2000;

/// The program, for one cluster.
#[derive(Clone, Debug)]
pub struct Helm {
    /// Its name, or where it is.
    pub program: PathBuf,
    /// Kubeconfig of the cluster; that of the environment when absent.
    pub kubeconfig: Option<PathBuf>,
}

/// What helm did not do.
#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// There is no such program.
    #[error("there is no program {program}")]
    Absent {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("helm {command} failed: {said}")]
    Failed {
        /// What was asked for.
        command: &'static str,
        /// What it said.
        said: String,
    },
    /// It did not end.
    #[error("helm {command} has not ended within {} s", RUN.as_secs())]
    Unended {
        /// What was asked for.
        command: &'static str,
    },
    /// The chart could not be written to a temporary directory.
    #[error("the chart cannot be written to a temporary directory")]
    Chart(#[source] io::Error),
}

impl Helm {
    /// Version of the program.
    ///
    /// # Errors
    /// When there is none.
    pub async fn version(&self) -> Result<String, HelmError> {
        let output = self.run("version", &["--short"], None).await?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Installs or upgrades the agents. `reference` is a chart of helm's own; the one of this program when absent.
    ///
    /// Values of an earlier installation stay, except for those that are given.
    ///
    /// # Errors
    /// When helm does not, with what it says: the key in that is masked.
    pub async fn install(
        &self,
        reference: Option<&str>,
        files: &[PathBuf],
        values: &Value,
        key: &OnboardingKey,
    ) -> Result<(), HelmError> {
        let directory = tempfile::tempdir().map_err(HelmError::Chart)?;
        chart::write(directory.path()).map_err(HelmError::Chart)?;
        let own = directory.path().display().to_string();
        let mut arguments = vec!["--install", RELEASE, reference.unwrap_or(&own), "--namespace", NAMESPACE];
        arguments.extend(["--create-namespace", "--reset-then-reuse-values"]);
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        for file in &files {
            arguments.extend(["--values", file]);
        }
        // By way of the input, so that nobody finds the key in the list of processes.
        arguments.extend(["--values", "-"]);
        let input = values.to_string();
        self.run("upgrade", &arguments, Some(&input)).await.map(drop).map_err(|error| match error {
            HelmError::Failed { command, said } => HelmError::Failed { command, said: key.masked(&said) },
            other => other,
        })
    }

    /// Takes the agents away. False where they were not installed so.
    ///
    /// # Errors
    /// When helm does not.
    pub async fn uninstall(&self, is_forced: bool) -> Result<bool, HelmError> {
        let mut arguments = vec![RELEASE, "--namespace", NAMESPACE];
        if is_forced {
            arguments.push("--no-hooks");
        }
        match self.run("uninstall", &arguments, None).await {
            Ok(_) => Ok(true),
            Err(HelmError::Failed { said, .. }) if said.contains("not found") => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn run(&self, command: &'static str, arguments: &[&str], input: Option<&str>) -> Result<Output, HelmError> {
        let failed = |source: io::Error| HelmError::Absent { program: self.program.display().to_string(), source };
        let mut program = Command::new(&self.program);
        program.arg(command).args(arguments).kill_on_drop(true);
        if let Some(kubeconfig) = &self.kubeconfig {
            program.arg("--kubeconfig").arg(absolute(kubeconfig));
        }
        program.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let pipe = child.stdin.take();
        let work = async {
            if let (Some(mut pipe), Some(input)) = (pipe, input) {
                // A program that ends before it has read all says why by itself.
                pipe.write_all(input.as_bytes()).await.ok();
                drop(pipe);
            }
            child.wait_with_output().await
        };
        let output = timeout(RUN, work).await.ok().ok_or(HelmError::Unended { command })?.map_err(failed)?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: String = said.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SAID).collect();
        Err(HelmError::Failed { command, said })
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
