//! A PostgreSQL of the machine.
use crate::bed::tell;
use std::process::{Command, Output, Stdio};

/// A server that was started for a test, and ends with it.
pub(crate) struct Postgres {
    directory: tempfile::TempDir,
    programs: String,
}

/// How a server is reached, whoever started it.
pub(crate) struct Server {
    socket: String,
    programs: String,
}

impl Postgres {
    /// The variable that says where the server is on which the whole suite runs.
    pub(crate) const OF_SUITE: &str = "ARCWRIGHT_SUITE_POSTGRESQL";

    /// The server on which the whole suite runs, if it runs on one.
    pub(crate) fn of_suite() -> Option<Server> {
        let place = std::env::var_os(Self::OF_SUITE)?.into_string().expect("a text");
        let (socket, programs) = place.split_once(':').expect("two paths");
        Some(Server { socket: socket.to_owned(), programs: programs.to_owned() })
    }

    /// Starts one; says so where there is none, and where `CI` is set, that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let candidates = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let found = candidates.map(|one| one.path().join("bin")).find(|one| one.join("initdb").exists());
        let Some(programs) = found else {
            let [ci, excused] = ["CI", "ARCWRIGHT_WITHOUT_POSTGRESQL"].map(|name| std::env::var_os(name).is_some());
            assert!(!ci || excused, "PostgreSQL is missing: install the package postgresql");
            tell("NOT RUN: there is no PostgreSQL in /usr/lib/postgresql; install the package postgresql");
            return None;
        };
        let directory = tempfile::tempdir().expect("a directory");
        let postgres = Self { directory, programs: programs.display().to_string() };
        // It refuses to run as root.
        Command::new("chmod").arg("777").arg(postgres.directory.path()).status().expect("chmod runs");
        let data = postgres.data();
        postgres.run("initdb", &["-A", "trust", "-U", "arcwright", "-D", &data]);
        let socket = postgres.directory.path().display().to_string();
        let options = format!("-c listen_addresses= -c max_connections=400 -c unix_socket_directories={socket}");
        postgres.run("pg_ctl", &["-w", "-D", &data, "-o", &options, "-l", &format!("{socket}/log"), "start"]);
        Some(postgres)
    }

    pub(crate) fn server(&self) -> Server {
        Server { socket: self.directory.path().display().to_string(), programs: self.programs.clone() }
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, args: &[&str]) {
        let path = format!("{}/{program}", self.programs);
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|done| done.stdout == b"0\n");
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", &path]);
            command
        } else {
            Command::new(&path)
        };
        let done =
            command.args(args).current_dir(self.directory.path()).stdout(Stdio::null()).output().expect("it runs");
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-m", "immediate", "-D", &self.data(), "stop"]);
    }
}

impl Server {
    /// What [`Postgres::of_suite`] reads.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.socket, self.programs)
    }

    /// Makes a database, and returns its URL.
    pub(crate) fn database(&self, name: &str) -> String {
        self.run("createdb", &[name]);
        format!("postgres://arcwright@{}/{name}", self.socket.replace('/', "%2F"))
    }

    /// Everything that a database holds, in SQL.
    pub(crate) fn dump(&self, name: &str) -> Vec<u8> {
        self.run("pg_dump", &[name]).stdout
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut command = Command::new(format!("{}/{program}", self.programs));
        let done = command.args(["-h", &self.socket, "-U", "arcwright"]).args(args).output().expect("it runs");
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
        done
    }
}
