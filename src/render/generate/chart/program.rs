//! Runs a program within bounds of time and output.
use std::{ffi::OsString, io, path::Path, process::Stdio, thread, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
};

/// Why a program gave nothing.
#[derive(Debug, thiserror::Error)]
pub(in crate::render) enum Failure {
    /// It was not started, or its streams could not be read.
    #[error("it does not run: {0}")]
    Unusable(#[from] io::Error),
    /// It ran for too long.
    #[error("it took longer than {0:?}")]
    Late(Duration),
    /// It printed too much.
    #[error("it printed more than {0} bytes")]
    Flood(u64),
    /// It said that it failed: what it printed to standard error.
    #[error("it failed")]
    Failed(String),
}

/// A run of a program.
pub(in crate::render) struct Program<'a> {
    pub(in crate::render) command: &'a Path,
    pub(in crate::render) arguments: &'a [String],
    /// All of its environment.
    pub(in crate::render) environment: &'a [(OsString, OsString)],
    /// Longest run.
    pub(in crate::render) time: Duration,
    /// Most bytes that either of its streams may bring.
    pub(in crate::render) output: u64,
}

impl Program<'_> {
    /// Runs it to its end; gives what it printed. Whatever happens, it has ended and was waited for afterwards.
    ///
    /// # Errors
    /// When it does not start, fails, or exceeds a bound.
    pub(in crate::render) fn run(&self) -> Result<Vec<u8>, Failure> {
        // On a thread of its own: the caller's may belong to a runtime already.
        let ran = thread::scope(|scope| scope.spawn(|| self.run_here()).join());
        ran.unwrap_or_else(|_| Err(io::Error::other("its thread ended").into()))
    }

    fn run_here(&self) -> Result<Vec<u8>, Failure> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(self.bounded())
    }

    async fn bounded(&self) -> Result<Vec<u8>, Failure> {
        let mut command = Command::new(self.command);
        command
            .args(self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let (output, errors) = tokio::try_join!(self.read(output), self.read(errors))?;
            Ok::<_, Failure>((child.wait().await?, output, errors))
        };
        match tokio::time::timeout(self.time, work).await {
            Ok(Ok((status, output, _))) if status.success() => Ok(output),
            Ok(Ok((_, _, errors))) => Err(Failure::Failed(String::from_utf8_lossy(&errors).into_owned())),
            broken => {
                // An error means that it has ended by itself.
                child.kill().await.ok();
                broken.map_or(Err(Failure::Late(self.time)), |failed| failed.map(|(_, output, _)| output))
            }
        }
    }

    async fn read(&self, stream: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            stream.take(self.output + 1).read_to_end(&mut bytes).await?;
        }
        if bytes.len() as u64 > self.output { Err(Failure::Flood(self.output)) } else { Ok(bytes) }
    }
}
