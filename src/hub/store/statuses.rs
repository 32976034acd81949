//! Where configurations stand, as their clusters report it, and where they stood.
use super::{Store, StoreError, Writing, read_time, stored};
use crate::hub::arm::key;
use serde_json::{Map, Value};
use sqlx::{Row as _, any::AnyRow};
use std::collections::BTreeMap;

/// The last status of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::hub) struct StatusRecord {
    /// Revision of the configuration that is meant.
    pub(in crate::hub) revision: i64,
    pub(in crate::hub) observed_at: jiff::Timestamp,
    pub(in crate::hub) received_at: jiff::Timestamp,
    pub(in crate::hub) body: Map<String, Value>,
}

/// A status to be stored.
pub(in crate::hub) struct NewStatus<'a> {
    /// ARM id of the configuration.
    pub(in crate::hub) id: &'a str,
    pub(in crate::hub) instance: &'a str,
    pub(in crate::hub) sequence: i64,
    pub(in crate::hub) revision: i64,
    pub(in crate::hub) observed_at: jiff::Timestamp,
    /// Its state of compliance, in one word.
    pub(in crate::hub) state: &'a str,
    /// What was applied: a revision of the repository, or nothing.
    pub(in crate::hub) applied: &'a str,
    /// For a person.
    pub(in crate::hub) message: &'a str,
    pub(in crate::hub) body: String,
}

/// Where a configuration stood from some moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Turn {
    pub(in crate::hub) at: jiff::Timestamp,
    pub(in crate::hub) state: String,
    pub(in crate::hub) applied: String,
    pub(in crate::hub) message: String,
}

impl Store {
    /// Stores what a cluster reports, all or nothing, and returns the ids of configurations that it does not have.
    pub(in crate::hub) async fn report(
        &self,
        cluster: &str,
        statuses: &[NewStatus<'_>],
        now: jiff::Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let mut transaction = self.begin().await?;
        let mut unknown = Vec::new();
        for status in statuses {
            let exists = "SELECT COUNT(*) FROM resources WHERE key = $1 AND parent = $2";
            let query = sqlx::query_scalar::<_, i64>(exists).bind(key(status.id)).bind(key(cluster));
            if query.fetch_one(&mut *transaction).await? == 0 {
                unknown.push(status.id.to_owned());
                continue;
            }
            if store(&mut transaction, cluster, status, now).await? {
                turn(&mut transaction, cluster, status, now).await?;
            }
        }
        transaction.commit().await?;
        Ok(unknown)
    }

    /// The status of one configuration.
    pub(in crate::hub) async fn status(&self, id: &str) -> Result<Option<StatusRecord>, StoreError> {
        let select = "SELECT revision, observed_at, received_at, body FROM statuses WHERE key = $1";
        let query = sqlx::query(select).bind(key(id));
        query.fetch_optional(&self.pool).await?.map(|row| record(&row)).transpose()
    }

    /// The statuses of a cluster's configurations, by their keys.
    pub(in crate::hub) async fn statuses(&self, cluster: &str) -> Result<BTreeMap<String, StatusRecord>, StoreError> {
        let select = "SELECT key, revision, observed_at, received_at, body FROM statuses WHERE cluster = $1";
        let rows = sqlx::query(select).bind(key(cluster)).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("key")?, record(row)?))).collect()
    }

    /// Where a configuration stood, newest first.
    pub(in crate::hub) async fn history(&self, id: &str, most: u32) -> Result<Vec<Turn>, StoreError> {
        let select =
            "SELECT at, state, applied, message FROM history WHERE configuration = $1 ORDER BY at DESC, id LIMIT $2";
        let rows = sqlx::query(select).bind(key(id)).bind(i64::from(most)).fetch_all(&self.pool).await?;
        let turn = |row: &AnyRow| {
            Ok(Turn {
                at: read_time(&row.try_get::<String, _>("at")?)?,
                state: row.try_get("state")?,
                applied: row.try_get("applied")?,
                message: row.try_get("message")?,
            })
        };
        rows.iter().map(turn).collect()
    }

    /// How many configurations of each cluster stand where, for clusters whose keys lie between two: by cluster, then by
    /// state.
    pub(in crate::hub) async fn compliance_between(
        &self,
        first: &str,
        last: &str,
    ) -> Result<BTreeMap<String, BTreeMap<String, i64>>, StoreError> {
        let select = "SELECT r.parent AS cluster, COALESCE(CASE WHEN s.revision >= r.revision THEN s.state END, 'Pending') AS state, COUNT(*) AS number FROM resources r \
            LEFT JOIN statuses s ON s.key = r.key WHERE r.parent >= $1 AND r.parent <= $2 AND r.kind <> 'cluster' GROUP BY 1, 2";
        let rows = sqlx::query(select).bind(key(first)).bind(key(last)).fetch_all(&self.pool).await?;
        let mut counts: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        for row in &rows {
            let of_cluster = counts.entry(row.try_get("cluster")?).or_default();
            of_cluster.insert(row.try_get("state")?, row.try_get("number")?);
        }
        Ok(counts)
    }
}

/// Stores a status, unless a later one of the same instance is there; whether it was stored.
async fn store(
    transaction: &mut Writing,
    cluster: &str,
    status: &NewStatus<'_>,
    now: jiff::Timestamp,
) -> Result<bool, StoreError> {
    let upsert = "INSERT INTO statuses (key, cluster, instance, sequence, revision, state, observed_at, received_at, body) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        ON CONFLICT (key) DO UPDATE SET instance = excluded.instance, sequence = excluded.sequence, revision = excluded.revision, \
        state = excluded.state, observed_at = excluded.observed_at, received_at = excluded.received_at, body = excluded.body \
        WHERE statuses.instance <> excluded.instance OR statuses.sequence < excluded.sequence";
    let query = sqlx::query(upsert).bind(key(status.id)).bind(key(cluster)).bind(status.instance).bind(status.sequence);
    let query = query.bind(status.revision).bind(status.state).bind(stored(status.observed_at)).bind(stored(now));
    Ok(query.bind(&status.body).execute(&mut **transaction).await?.rows_affected() > 0)
}

/// Notes where a configuration stands, if it stood elsewhere before.
async fn turn(
    transaction: &mut Writing,
    cluster: &str,
    status: &NewStatus<'_>,
    now: jiff::Timestamp,
) -> Result<(), StoreError> {
    let last = "SELECT state, applied, message FROM history WHERE configuration = $1 ORDER BY at DESC, id LIMIT 1";
    let query = sqlx::query_as::<_, (String, String, String)>(last).bind(key(status.id));
    let before = query.fetch_optional(&mut **transaction).await?;
    let is_news = before.is_none_or(|(state, applied, message)| {
        (state.as_str(), applied.as_str(), message.as_str()) != (status.state, status.applied, status.message)
    });
    if is_news {
        let insert = "INSERT INTO history (id, configuration, cluster, at, state, applied, message) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let query = sqlx::query(insert).bind(super::unique()).bind(key(status.id)).bind(key(cluster)).bind(stored(now));
        query.bind(status.state).bind(status.applied).bind(status.message).execute(&mut **transaction).await?;
    }
    Ok(())
}

fn record(row: &AnyRow) -> Result<StatusRecord, StoreError> {
    let body: String = row.try_get("body")?;
    Ok(StatusRecord {
        revision: row.try_get("revision")?,
        observed_at: read_time(&row.try_get::<String, _>("observed_at")?)?,
        received_at: read_time(&row.try_get::<String, _>("received_at")?)?,
        body: serde_json::from_str(&body).ok().ok_or_else(|| StoreError::Damaged { what: "a status".to_owned() })?,
    })
}
