//! Who may ask, what proves it, and what they asked for.
use super::{Store, StoreError, Writing, read_time, stored};
use sqlx::{Row as _, any::AnyRow};

/// For how long the audit log reaches back.
const AUDIT_LIFE: jiff::SignedDuration = jiff::SignedDuration::from_hours(90 * 24);
/// One in so many notes sweeps those that are older.
const SWEEP: u32 = 256;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Role {
    /// Everything.
    Owner,
    /// Reading.
    Reader,
    /// What is one cluster's own.
    Cluster,
}

impl Role {
    /// The word for it, in the store and in tokens.
    pub(in crate::hub) fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Reader => "reader",
            Self::Cluster => "cluster",
        }
    }

    /// The role of a word.
    pub(in crate::hub) fn named(word: &str) -> Option<Self> {
        [Self::Owner, Self::Reader, Self::Cluster].into_iter().find(|role| role.word() == word)
    }
}

/// Somebody who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Principal {
    /// Application (client) id, a UUID.
    pub(in crate::hub) client_id: String,
    pub(in crate::hub) role: Role,
    /// Key of the cluster; empty for people and programs.
    pub(in crate::hub) cluster: String,
    /// What people call it.
    pub(in crate::hub) name: String,
}

/// A write that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Audited {
    pub(in crate::hub) at: jiff::Timestamp,
    pub(in crate::hub) client_id: String,
    pub(in crate::hub) method: String,
    pub(in crate::hub) resource: String,
    pub(in crate::hub) status: u16,
}

impl Store {
    /// Adds a principal with one credential, unless there is any principal of the role.
    pub(in crate::hub) async fn add_first(
        &self,
        principal: &Principal,
        fingerprint: &str,
        now: jiff::Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let insert = "INSERT INTO principals (client_id, role, cluster, name, created_at) \
            SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM principals WHERE role = $2)";
        let query = sqlx::query(insert).bind(&principal.client_id).bind(principal.role.word());
        let query = query.bind(&principal.cluster).bind(&principal.name).bind(stored(now));
        let is_new = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if is_new {
            add_secret(&mut transaction, &principal.client_id, fingerprint).await?;
        }
        transaction.commit().await?;
        Ok(is_new)
    }

    /// Adds a principal, with a secret of this fingerprint if there is one.
    pub(in crate::hub) async fn add_principal(
        &self,
        principal: &Principal,
        fingerprint: Option<&str>,
        now: jiff::Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let insert = "INSERT INTO principals (client_id, role, cluster, name, created_at) VALUES ($1, $2, $3, $4, $5)";
        let query = sqlx::query(insert).bind(&principal.client_id).bind(principal.role.word());
        let query = query.bind(&principal.cluster).bind(&principal.name).bind(stored(now));
        query.execute(&mut *transaction).await?;
        if let Some(fingerprint) = fingerprint {
            add_secret(&mut transaction, &principal.client_id, fingerprint).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Removes a principal with its credentials; false when it was not there.
    pub(in crate::hub) async fn remove_principal(&self, client_id: &str) -> Result<bool, StoreError> {
        let delete = sqlx::query("DELETE FROM principals WHERE client_id = $1").bind(client_id);
        Ok(self.run(delete).await? > 0)
    }

    /// Whether there is anybody of a role.
    pub(in crate::hub) async fn has_any(&self, role: Role) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM principals WHERE role = $1").bind(role.word());
        Ok(query.fetch_one(&self.pool).await? > 0)
    }

    /// One principal.
    pub(in crate::hub) async fn principal(&self, client_id: &str) -> Result<Option<Principal>, StoreError> {
        let query = sqlx::query("SELECT client_id, role, cluster, name FROM principals WHERE client_id = $1");
        query.bind(client_id).fetch_optional(&self.pool).await?.map(|row| principal(&row)).transpose()
    }

    /// The principal to whom a credential belongs, by the fingerprint of the credential.
    pub(in crate::hub) async fn principal_of(
        &self,
        client_id: &str,
        fingerprint: &str,
        now: jiff::Timestamp,
    ) -> Result<Option<Principal>, StoreError> {
        let select = "SELECT p.client_id, p.role, p.cluster, p.name FROM principals p \
            JOIN credentials c ON c.client_id = p.client_id \
            WHERE p.client_id = $1 AND c.fingerprint = $2 AND (c.not_after IS NULL OR c.not_after > $3)";
        let query = sqlx::query(select).bind(client_id).bind(fingerprint).bind(stored(now));
        query.fetch_optional(&self.pool).await?.map(|row| principal(&row)).transpose()
    }

    /// Notes a write that was tried.
    pub(in crate::hub) async fn audit(&self, audited: &Audited) -> Result<(), StoreError> {
        let insert = "INSERT INTO audit (id, at, client_id, method, resource, status) VALUES ($1, $2, $3, $4, $5, $6)";
        let query = sqlx::query(insert).bind(uuid::Uuid::new_v4().to_string()).bind(stored(audited.at));
        let query = query.bind(&audited.client_id).bind(&audited.method).bind(&audited.resource);
        self.run(query.bind(i64::from(audited.status))).await?;
        if fastrand::u32(..SWEEP) == 0 {
            self.sweep_audit(audited.at).await?;
        }
        Ok(())
    }

    /// Forgets what was tried too long ago.
    pub(in crate::hub) async fn sweep_audit(&self, now: jiff::Timestamp) -> Result<(), StoreError> {
        let delete = sqlx::query("DELETE FROM audit WHERE at < $1").bind(stored(now - AUDIT_LIFE));
        self.run(delete).await?;
        Ok(())
    }

    /// The writes that were tried last, newest first.
    pub(in crate::hub) async fn audited(&self, most: u32) -> Result<Vec<Audited>, StoreError> {
        let select = "SELECT at, client_id, method, resource, status FROM audit ORDER BY at DESC, id LIMIT $1";
        let rows = sqlx::query(select).bind(i64::from(most)).fetch_all(&self.pool).await?;
        rows.iter().map(audited).collect()
    }
}

async fn add_secret(transaction: &mut Writing, client_id: &str, fingerprint: &str) -> Result<(), StoreError> {
    let insert = "INSERT INTO credentials (fingerprint, client_id, kind) VALUES ($1, $2, 'secret')";
    sqlx::query(insert).bind(fingerprint).bind(client_id).execute(&mut **transaction).await?;
    Ok(())
}

fn principal(row: &AnyRow) -> Result<Principal, StoreError> {
    let role: String = row.try_get("role")?;
    Ok(Principal {
        client_id: row.try_get("client_id")?,
        role: Role::named(&role).ok_or_else(|| StoreError::Damaged { what: format!("a role {role}") })?,
        cluster: row.try_get("cluster")?,
        name: row.try_get("name")?,
    })
}

fn audited(row: &AnyRow) -> Result<Audited, StoreError> {
    let status: i64 = row.try_get("status")?;
    Ok(Audited {
        at: read_time(&row.try_get::<String, _>("at")?)?,
        client_id: row.try_get("client_id")?,
        method: row.try_get("method")?,
        resource: row.try_get("resource")?,
        status: u16::try_from(status).unwrap_or_default(),
    })
}
