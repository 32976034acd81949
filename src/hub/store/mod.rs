//! What the control plane knows, in SQLite or PostgreSQL. Nothing else is true: several processes may share a database.
//!
//! Both are spoken to in the same SQL. A write is one statement, or one transaction.
mod certificates;
mod changes;
mod clusters;
mod events;
mod groups;
mod integrity;
mod operations;
mod overview;
mod principals;
mod resources;
mod settings;
mod statuses;
mod users;

pub(super) use certificates::Certificate;
pub(super) use changes::Waiters;
pub(super) use clusters::ClusterRecord;
pub(super) use events::Event;
pub(super) use operations::OperationRecord;
pub(super) use overview::{Seen, Wanted};
pub(super) use principals::{Audited, Principal, Role};
pub(super) use resources::{Precondition, Resource};
pub(super) use statuses::{NewStatus, StatusRecord, Turn};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{Any, AnyConnection, AnyPool, Execute, Executor as _, Transaction, any::AnyPoolOptions, migrate::Migrator};
use std::{
    ops::{Deref, DerefMut},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

static MIGRATIONS: Migrator = sqlx::migrate!("src/hub/store/migrations");

/// Connections at once.
const CONNECTIONS: u32 = 8;
/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// What each connection to SQLite is told. A commit is on disk when it returns.
const PRAGMAS: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON;";

/// Where the store is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file of SQLite, made when it is not there.
    File(PathBuf),
    /// A database of PostgreSQL: `postgres://USER:PASSWORD@HOST/NAME`.
    Postgres(SecretString),
}

impl Place {
    /// Reads what a user gives: a URL of PostgreSQL, or a path.
    pub fn read(text: &str) -> Self {
        match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Self::Postgres(SecretString::from(text)),
            Some(_) | None => Self::File(PathBuf::from(text)),
        }
    }
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("the database cannot be opened")]
    Open(#[source] sqlx::Error),
    /// It was made by a newer program, or its form cannot be brought up to date.
    #[error("the form of the database cannot be brought up to date; was it made by a newer version?")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// SQLite finds it damaged.
    #[error("the database is damaged: {said}; stop, keep the file as it is, and go back to a backup")]
    Corrupt {
        /// What it says.
        said: String,
    },
    /// A statement failed.
    #[error("the database failed")]
    Failed(#[from] sqlx::Error),
    /// What it holds is not what it should.
    #[error("the database holds {what} that cannot be read")]
    Damaged {
        /// What it is.
        what: String,
    },
}

/// The store. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    is_sqlite: bool,
    waiters: Arc<Waiters>,
    writing: Arc<Mutex<()>>,
}

/// A transaction that writes.
struct Writing {
    transaction: Transaction<'static, Any>,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Writing {
    async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for Writing {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

impl Store {
    /// Opens it, and brings its form up to date.
    ///
    /// # Errors
    /// When it cannot be opened, or is of a newer form.
    pub async fn open(place: &Place) -> Result<Self, StoreError> {
        let store = Self::connect(place).await?;
        MIGRATIONS.run(&store.pool).await.map_err(StoreError::Migrate)?;
        store.complete_clusters().await?;
        Ok(store)
    }

    /// Opens it in the form that it has.
    pub(super) async fn connect(place: &Place) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (url, is_sqlite) = match place {
            Place::File(path) => {
                // Before SQLite does, which would let everybody read it.
                let made = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
                made.map_err(|error| StoreError::Open(error.into()))?;
                (SecretString::from(format!("sqlite://{}?mode=rwc", path.display())), true)
            }
            Place::Postgres(url) => (url.clone(), false),
        };
        let options = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
        let options = options.after_connect(move |connection, _| {
            Box::pin(async move { if is_sqlite { connection.execute(PRAGMAS).await.map(drop) } else { Ok(()) } })
        });
        let pool = options.connect(url.expose_secret()).await.map_err(StoreError::Open)?;
        Ok(Self { pool, is_sqlite, waiters: Arc::default(), writing: Arc::default() })
    }

    /// Begins a transaction that will write: others that write wait for its end.
    async fn begin(&self) -> Result<Writing, StoreError> {
        let begin = if self.is_sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let turn = self.turn().await;
        Ok(Writing { transaction: self.pool.begin_with(begin).await?, _turn: turn })
    }

    /// Runs one statement that writes, and returns how many rows it was about.
    async fn run<'q>(&self, statement: impl Execute<'q, Any> + 'q) -> Result<u64, StoreError> {
        let _turn = self.turn().await;
        Ok(self.pool.execute(statement).await?.rows_affected())
    }

    /// SQLite takes one writer at a time, and has the others try again and again. Here they come in turn.
    async fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        if self.is_sqlite { Some(Arc::clone(&self.writing).lock_owned().await) } else { None }
    }

    /// Those who wait for changes of what is wanted of clusters.
    pub(super) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// Closes every connection, once what is under way has ended.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The next number of a counter. Whoever asks next waits for the end of the transaction, so that numbers come in the order of
/// commits.
async fn count(transaction: &mut Writing, counter: &str) -> Result<i64, StoreError> {
    let update = "UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value";
    Ok(sqlx::query_scalar(update).bind(counter).fetch_one(&mut **transaction).await?)
}

/// Something that nothing else is called.
fn unique() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A time as it is stored: RFC 3339 in UTC, which sorts as text.
fn stored(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
}

fn read_time(text: &str) -> Result<jiff::Timestamp, StoreError> {
    text.parse().ok().ok_or_else(|| StoreError::Damaged { what: "a time".to_owned() })
}
