//! Clusters and configurations.
use super::{
    super::arm::{Stamp, key},
    Store, StoreError, Writing, read_time, stored,
};
use serde_json::{Map, Value};
use sqlx::{Row as _, any::AnyRow};

/// One stored resource.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::hub) struct Resource {
    /// As it was first written.
    pub(in crate::hub) id: String,
    /// `cluster`, `sourceControl` or `flux`.
    pub(in crate::hub) kind: String,
    pub(in crate::hub) body: Map<String, Value>,
    /// Sealed protected settings.
    pub(in crate::hub) sealed: Option<String>,
    /// Grows with each write; stands behind the ETag.
    pub(in crate::hub) revision: i64,
    pub(in crate::hub) stamp: Stamp,
}

/// What must be so for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Precondition {
    /// Nothing is there.
    Absent,
    /// This revision is there.
    Revision(i64),
}

/// A page of a list.
#[derive(Clone, Debug)]
pub(in crate::hub) struct Listed {
    pub(in crate::hub) resources: Vec<Resource>,
    /// Key after which the next page begins.
    pub(in crate::hub) next: Option<String>,
}

pub(super) const COLUMNS: &str = "id, kind, body, sealed, revision, created_at, created_by, modified_at, modified_by";

/// The subscription, the group and the parent of an id, as keys.
pub(super) fn place(id: &str) -> (String, String, String) {
    let key = key(id);
    let mut segments = key.split('/');
    let (subscription, group) = (segments.nth(2).unwrap_or_default(), segments.nth(1).unwrap_or_default());
    let parent = key.rsplit_once("/providers/").map_or("", |(parent, _)| parent);
    let parent = if parent.contains("/providers/") { parent } else { "" };
    (subscription.to_owned(), group.to_owned(), parent.to_owned())
}

impl Store {
    /// One resource by its id.
    pub(in crate::hub) async fn resource(&self, id: &str) -> Result<Option<Resource>, StoreError> {
        let select = format!("SELECT {COLUMNS} FROM resources WHERE key = $1");
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(key(id));
        query.fetch_optional(&self.pool).await?.map(|row| resource(&row)).transpose()
    }

    /// Writes a resource, if what must be so is so; false when it is not. One that is below another needs that one.
    pub(in crate::hub) async fn write(&self, resource: &Resource, must_be: Precondition) -> Result<bool, StoreError> {
        let body = Value::Object(resource.body.clone()).to_string();
        let stamp = &resource.stamp;
        let (subscription, group, parent) = place(&resource.id);
        let mut transaction = self.begin().await?;
        let done = match must_be {
            Precondition::Absent => {
                let insert = "INSERT INTO resources (key, kind, subscription, resource_group, parent, id, body, sealed, revision, created_at, created_by, modified_at, modified_by) \
                    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 \
                    WHERE $5 = '' OR EXISTS (SELECT 1 FROM resources WHERE key = $5) ON CONFLICT (key) DO NOTHING";
                let query = sqlx::query(insert).bind(key(&resource.id)).bind(&resource.kind);
                let query = query.bind(subscription).bind(group).bind(&parent).bind(&resource.id).bind(body);
                let query = query.bind(resource.sealed.clone()).bind(resource.revision).bind(stored(stamp.created_at));
                query
                    .bind(&stamp.created_by)
                    .bind(stored(stamp.modified_at))
                    .bind(&stamp.modified_by)
                    .execute(&mut *transaction)
                    .await?
            }
            Precondition::Revision(revision) => {
                let update = "UPDATE resources SET body = $1, sealed = $2, revision = $3, modified_at = $4, modified_by = $5 \
                    WHERE key = $6 AND revision = $7";
                let query = sqlx::query(update).bind(body).bind(resource.sealed.clone()).bind(resource.revision);
                let query = query.bind(stored(stamp.modified_at)).bind(&stamp.modified_by);
                query.bind(key(&resource.id)).bind(revision).execute(&mut *transaction).await?
            }
        };
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if !parent.is_empty() {
            note_change(&mut transaction, &parent).await?;
        } else if must_be == Precondition::Absent {
            let insert = "INSERT INTO clusters (key, client_id, change_number, tag, is_used, connectivity) VALUES ($1, $2, 0, $3, 0, 'Connecting')";
            let query = sqlx::query(insert).bind(key(&resource.id)).bind(super::unique()).bind(super::unique());
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        self.waiters.wake(&parent);
        Ok(true)
    }

    /// Deletes a resource with everything below it; false when there was none, or another revision.
    pub(in crate::hub) async fn delete(&self, id: &str, revision: Option<i64>) -> Result<bool, StoreError> {
        let (own, (.., parent)) = (key(id), place(id));
        let mut transaction = self.begin().await?;
        let delete = "DELETE FROM resources WHERE key = $1 AND (revision = $2 OR $2 < 0)";
        let query = sqlx::query(delete).bind(key(id)).bind(revision.unwrap_or(-1));
        let was_there = query.execute(&mut *transaction).await?.rows_affected() > 0;
        if was_there {
            sqlx::query("DELETE FROM resources WHERE parent = $1").bind(key(id)).execute(&mut *transaction).await?;
            for table in
                ["principals WHERE cluster", "clusters WHERE key", "statuses WHERE cluster", "history WHERE cluster"]
            {
                let delete = format!("DELETE FROM {table} = $1");
                sqlx::query(sqlx::AssertSqlSafe(delete)).bind(key(id)).execute(&mut *transaction).await?;
            }
            for table in ["statuses WHERE key", "history WHERE configuration"] {
                let delete = format!("DELETE FROM {table} = $1");
                sqlx::query(sqlx::AssertSqlSafe(delete)).bind(key(id)).execute(&mut *transaction).await?;
            }
            if !parent.is_empty() {
                note_change(&mut transaction, &parent).await?;
            }
        }
        transaction.commit().await?;
        self.waiters.wake(if parent.is_empty() { &own } else { &parent });
        Ok(was_there)
    }

    /// Resources of a kind in a subscription, or in one of its groups, after a key; at most so many.
    pub(in crate::hub) async fn list(
        &self,
        kind: Option<&str>,
        subscription: &str,
        group: Option<&str>,
        after: &str,
        most: u32,
    ) -> Result<Listed, StoreError> {
        let select = format!(
            "SELECT key, {COLUMNS} FROM resources WHERE subscription = $1 AND ($2 = '' OR resource_group = $2) \
             AND ($3 = '' OR kind = $3) AND ($3 <> '' OR parent = '') AND key > $4 ORDER BY key LIMIT $5"
        );
        let query =
            sqlx::query(sqlx::AssertSqlSafe(select)).bind(key(subscription)).bind(key(group.unwrap_or_default()));
        let query = query.bind(kind.unwrap_or_default()).bind(after).bind(i64::from(most) + 1);
        page(&query.fetch_all(&self.pool).await?, most)
    }

    /// Resources of a kind below another one, after a key; at most so many.
    pub(in crate::hub) async fn below(
        &self,
        parent: &str,
        kind: &str,
        after: &str,
        most: u32,
    ) -> Result<Listed, StoreError> {
        let select = format!(
            "SELECT key, {COLUMNS} FROM resources WHERE parent = $1 AND kind = $2 AND key > $3 ORDER BY key LIMIT $4"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(key(parent)).bind(kind).bind(after);
        page(&query.bind(i64::from(most) + 1).fetch_all(&self.pool).await?, most)
    }
}

/// Notes that what is wanted of a cluster has changed, with the write by which it has.
async fn note_change(transaction: &mut Writing, cluster: &str) -> Result<(), StoreError> {
    let number = super::count(transaction, "changes").await?;
    let update = sqlx::query("UPDATE clusters SET change_number = $1, tag = $2 WHERE key = $3");
    update.bind(number).bind(super::unique()).bind(cluster).execute(&mut **transaction).await?;
    Ok(())
}

fn page(rows: &[AnyRow], most: u32) -> Result<Listed, StoreError> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let shown = &rows[..rows.len().min(most)];
    let next = if rows.len() > most { shown.last().map(|row| row.try_get("key")).transpose()? } else { None };
    Ok(Listed { resources: shown.iter().map(resource).collect::<Result<_, _>>()?, next })
}

pub(super) fn resource(row: &AnyRow) -> Result<Resource, StoreError> {
    let (id, body): (String, String) = (row.try_get("id")?, row.try_get("body")?);
    let Ok(Value::Object(body)) = serde_json::from_str(&body) else {
        return Err(StoreError::Damaged { what: format!("a body of {id}") });
    };
    let time = |column: &str| read_time(&row.try_get::<String, _>(column)?);
    Ok(Resource {
        kind: row.try_get("kind")?,
        body,
        sealed: row.try_get("sealed")?,
        revision: row.try_get("revision")?,
        stamp: Stamp {
            created_at: time("created_at")?,
            created_by: row.try_get("created_by")?,
            modified_at: time("modified_at")?,
            modified_by: row.try_get("modified_by")?,
        },
        id,
    })
}
