//! Whether a store is sound, and copies of it.
use super::{MIGRATIONS, Store, StoreError};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, sqlite::SqliteConnectOptions};
use std::path::Path;

impl Store {
    /// Looks quickly whether a file of SQLite is sound; PostgreSQL looks after itself.
    pub(in crate::hub) async fn check_quickly(&self) -> Result<(), StoreError> {
        self.pragma("PRAGMA quick_check(1)").await
    }

    /// Looks whether a file of SQLite is sound, with its indices and references.
    pub(in crate::hub) async fn check_whole(&self) -> Result<(), StoreError> {
        self.pragma("PRAGMA integrity_check(1)").await?;
        if self.is_sqlite {
            let broken = sqlx::query("PRAGMA foreign_key_check").fetch_optional(&self.pool).await?;
            if let Some(row) = broken {
                let table: String = row.try_get(0)?;
                return Err(StoreError::Corrupt { said: format!("a row of {table} refers to nothing") });
            }
        }
        Ok(())
    }

    async fn pragma(&self, pragma: &'static str) -> Result<(), StoreError> {
        if !self.is_sqlite {
            return Ok(());
        }
        let said: String = sqlx::query_scalar(pragma).fetch_one(&self.pool).await?;
        sound(said)
    }

    /// Copies a file of SQLite as it is at one moment into an empty file, while others may write.
    pub(in crate::hub) async fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        let query = sqlx::query("VACUUM INTO $1").bind(to.display().to_string());
        self.run(query).await?;
        Ok(())
    }

    /// Looks whether a file is a sound database of SQLite, and changes nothing.
    pub(in crate::hub) async fn check_file(path: &Path) -> Result<(), StoreError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        let mut connection = options.connect().await.map_err(StoreError::Open)?;
        let said: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut connection).await?;
        connection.close().await?;
        sound(said)
    }

    /// How many steps of its form the store has, and how many are to come.
    pub(in crate::hub) async fn migrations(&self) -> Result<(usize, usize), StoreError> {
        let table = if self.is_sqlite {
            "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'"
        } else {
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = '_sqlx_migrations'"
        };
        let known = MIGRATIONS.iter().count();
        if sqlx::query_scalar::<_, i64>(table).fetch_one(&self.pool).await? == 0 {
            return Ok((0, known));
        }
        let applied: Vec<i64> =
            sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version").fetch_all(&self.pool).await?;
        let is_known = |version: &i64| MIGRATIONS.iter().any(|migration| migration.version == *version);
        if let Some(unknown) = applied.iter().find(|version| !is_known(version)) {
            return Err(StoreError::Damaged { what: format!("a form {unknown}, of a newer version of this program,") });
        }
        Ok((applied.len(), known.saturating_sub(applied.len())))
    }

    /// What of resources is sealed, each by the name that it was sealed under.
    pub(in crate::hub) async fn sealed(&self) -> Result<Vec<(String, String)>, StoreError> {
        let select = "SELECT key, sealed FROM resources WHERE sealed IS NOT NULL ORDER BY key";
        let rows = sqlx::query(select).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("key")?, row.try_get("sealed")?))).collect()
    }
}

/// What SQLite says of a sound file.
fn sound(said: String) -> Result<(), StoreError> {
    if said == "ok" { Ok(()) } else { Err(StoreError::Corrupt { said }) }
}
