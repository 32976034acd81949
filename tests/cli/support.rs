//! A directory for each test, and the program run in it with nothing of this machine's settings.
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A test's own directory.
pub(crate) struct Home(tempfile::TempDir);

/// What a run of the program printed, with the test's directory written as `HOME`.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Exit code and both streams, for a snapshot.
    pub(crate) fn all(&self) -> String {
        format!("exit {}\n-- stdout\n{}-- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, with its directories.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }

    /// Writes a shell script that can be run. Another process does: were the file open for writing here, a program that
    /// another test starts would keep it so, and such a file is not run.
    pub(crate) fn write_program(&self, name: &str, script: &str) {
        let write = "printf '%s\\n' '#!/bin/sh' \"$1\" > \"$0\"; chmod +x \"$0\"";
        let written = Command::new("sh").args(["-c", write]).arg(self.path(name)).arg(script).status();
        assert!(written.is_ok_and(|status| status.success()), "{name}");
    }

    pub(crate) fn command(&self) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_arcwright")))
    }

    pub(crate) fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.0.path())
            .env("USER", "ann")
            .env("ARCWRIGHT_DATA_DIR", self.path("data"))
            .current_dir(self.0.path())
            .stdin(std::process::Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.ran(self.command().args(args).output().expect("arcwright runs"))
    }

    pub(crate) fn ran(&self, output: Output) -> Ran {
        let home = self.0.path().display().to_string();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").replace(&home, "HOME");
        Ran {
            code: output.status.code().expect("an exit code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}
