//! What happened to clusters, in order; and how many stood where, over time.
use super::{Store, StoreError, Writing, read_time, stored};
use crate::hub::arm::key;
use sqlx::{Row as _, any::AnyRow};

/// For how long events, history and samples are kept.
pub(in crate::hub) const KEPT: std::time::Duration = std::time::Duration::from_secs(90 * 86_400);

/// One transition of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Event {
    /// Grows with each event, without regard to the cluster.
    pub(in crate::hub) number: i64,
    pub(in crate::hub) at: jiff::Timestamp,
    /// ARM id, as the cluster was first written; its key where the cluster is gone.
    pub(in crate::hub) cluster: String,
    /// `connectivity`.
    pub(in crate::hub) kind: String,
    pub(in crate::hub) before: String,
    pub(in crate::hub) after: String,
}

/// Notes a transition with the write that it is of.
pub(super) async fn note(
    transaction: &mut Writing,
    cluster: &str,
    before: &str,
    after: &str,
    now: jiff::Timestamp,
) -> Result<(), StoreError> {
    let number = super::count(transaction, "events").await?;
    let insert =
        "INSERT INTO events (number, at, cluster, kind, before, after) VALUES ($1, $2, $3, 'connectivity', $4, $5)";
    let query = sqlx::query(insert).bind(number).bind(stored(now)).bind(key(cluster)).bind(before).bind(after);
    query.execute(&mut **transaction).await?;
    Ok(())
}

const EVENTS: &str = "SELECT e.number, e.at, COALESCE(r.id, e.cluster) AS cluster, e.kind, e.before, e.after \
    FROM events e LEFT JOIN resources r ON r.key = e.cluster";

impl Store {
    /// Events after a number, oldest first.
    pub(in crate::hub) async fn events_after(&self, number: i64, most: u32) -> Result<Vec<Event>, StoreError> {
        let select = format!("{EVENTS} WHERE e.number > $1 ORDER BY e.number LIMIT $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(number).bind(i64::from(most));
        query.fetch_all(&self.pool).await?.iter().map(event).collect()
    }

    /// The number of the last event.
    pub(in crate::hub) async fn last_event_number(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT value FROM counters WHERE name = 'events'").fetch_one(&self.pool).await?)
    }

    /// The last events, newest first; of one cluster, or of all.
    pub(in crate::hub) async fn last_events(&self, cluster: Option<&str>, most: u32) -> Result<Vec<Event>, StoreError> {
        let select = format!("{EVENTS} WHERE $1 = '' OR e.cluster = $1 ORDER BY e.number DESC LIMIT $2");
        let cluster = cluster.map(key).unwrap_or_default();
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(cluster).bind(i64::from(most));
        query.fetch_all(&self.pool).await?.iter().map(event).collect()
    }

    /// Notes how many configurations and clusters stand where. Of several processes that do so for one moment, one does.
    pub(in crate::hub) async fn sample(&self, at: jiff::Timestamp) -> Result<(), StoreError> {
        let known = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM samples WHERE at = $1").bind(stored(at));
        if known.fetch_one(&self.pool).await? > 0 {
            return Ok(());
        }
        let insert = "INSERT INTO samples (at, about, state, number) \
            SELECT $1, 'configuration', COALESCE(CASE WHEN s.revision >= r.revision THEN s.state END, 'Pending'), COUNT(*) FROM resources r LEFT JOIN statuses s ON s.key = r.key \
            WHERE r.kind <> 'cluster' GROUP BY 3 ON CONFLICT DO NOTHING";
        self.run(sqlx::query(insert).bind(stored(at))).await?;
        let insert = "INSERT INTO samples (at, about, state, number) \
            SELECT $1, 'cluster', connectivity, COUNT(*) FROM clusters WHERE 1 = 1 GROUP BY connectivity ON CONFLICT DO NOTHING";
        self.run(sqlx::query(insert).bind(stored(at))).await?;
        Ok(())
    }

    /// The samples since a moment, oldest first: when, of what (`configuration` or `cluster`), state, how many.
    pub(in crate::hub) async fn samples(
        &self,
        since: jiff::Timestamp,
    ) -> Result<Vec<(jiff::Timestamp, String, String, i64)>, StoreError> {
        let select = "SELECT at, about, state, number FROM samples WHERE at >= $1 ORDER BY at, about, state";
        let rows = sqlx::query(select).bind(stored(since)).fetch_all(&self.pool).await?;
        let sample = |row: &AnyRow| {
            let at = read_time(&row.try_get::<String, _>("at")?)?;
            Ok((at, row.try_get("about")?, row.try_get("state")?, row.try_get("number")?))
        };
        rows.iter().map(sample).collect()
    }

    /// Deletes events, history and samples that are older than they are kept.
    pub(in crate::hub) async fn sweep(&self, now: jiff::Timestamp) -> Result<(), StoreError> {
        for delete in [
            "DELETE FROM events WHERE at < $1",
            "DELETE FROM history WHERE at < $1",
            "DELETE FROM samples WHERE at < $1",
            "DELETE FROM operations WHERE started_at < $1",
        ] {
            self.run(sqlx::query(delete).bind(stored(now - KEPT))).await?;
        }
        Ok(())
    }
}

fn event(row: &AnyRow) -> Result<Event, StoreError> {
    Ok(Event {
        number: row.try_get("number")?,
        at: read_time(&row.try_get::<String, _>("at")?)?,
        cluster: row.try_get("cluster")?,
        kind: row.try_get("kind")?,
        before: row.try_get("before")?,
        after: row.try_get("after")?,
    })
}
