//! What is known of a cluster beside its resource: its identity, its life, its last change.
use super::{
    super::{
        arm::key,
        connectivity::{Connectivity, OFFLINE_AFTER},
    },
    Certificate, Store, StoreError,
    certificates::add_certificate,
    events::note,
    read_time, stored,
};
use serde_json::Value;
use sqlx::{Row as _, any::AnyRow};
use std::collections::BTreeMap;

/// What is known of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::hub) struct ClusterRecord {
    /// Client id by which it signs in.
    pub(in crate::hub) client_id: String,
    /// ETag of what is wanted of it, without quotes.
    pub(in crate::hub) tag: String,
    /// Fingerprint of the onboarding key that it has enrolled with.
    pub(in crate::hub) enrolled_key: Option<String>,
    /// Whether it has called since it was last given an identity by its onboarding key.
    pub(in crate::hub) is_used: bool,
    /// Until when it may enrol with its onboarding key once more.
    pub(in crate::hub) may_enrol_until: Option<jiff::Timestamp>,
    /// Until when its newest certificate is good.
    pub(in crate::hub) certificate_not_after: Option<jiff::Timestamp>,
    /// When it last called.
    pub(in crate::hub) last_seen: Option<jiff::Timestamp>,
    /// What it said of itself.
    pub(in crate::hub) heartbeat: Option<Value>,
}

impl ClusterRecord {
    /// Whether it is there.
    pub(in crate::hub) fn connectivity(&self, now: jiff::Timestamp) -> Connectivity {
        Connectivity::of(self.last_seen, self.certificate_not_after, now)
    }
}

pub(super) const COLUMNS: &str = "client_id, change_number, tag, enrolled_key, is_used, may_enrol_until, certificate_not_after, last_seen, heartbeat";

impl Store {
    /// Notes each cluster that was made when nothing was known of clusters beside their resources.
    pub(super) async fn complete_clusters(&self) -> Result<(), StoreError> {
        let bare = "SELECT key FROM resources r WHERE kind = 'cluster' AND NOT EXISTS (SELECT 1 FROM clusters c WHERE c.key = r.key)";
        for cluster in sqlx::query_scalar::<_, String>(bare).fetch_all(&self.pool).await? {
            let insert = "INSERT INTO clusters (key, client_id, change_number, tag, is_used, connectivity) \
                VALUES ($1, $2, 0, $3, 0, 'Connecting') ON CONFLICT (key) DO NOTHING";
            self.run(sqlx::query(insert).bind(cluster).bind(super::unique()).bind(super::unique())).await?;
        }
        Ok(())
    }

    /// What is known of a cluster; none when there is no such cluster.
    pub(in crate::hub) async fn cluster(&self, id: &str) -> Result<Option<ClusterRecord>, StoreError> {
        let select = format!("SELECT {COLUMNS} FROM clusters WHERE key = $1");
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(key(id));
        query.fetch_optional(&self.pool).await?.map(|row| record(&row)).transpose()
    }

    /// What is known of the clusters whose keys lie between two, both of which count.
    pub(in crate::hub) async fn clusters_between(
        &self,
        first: &str,
        last: &str,
    ) -> Result<BTreeMap<String, ClusterRecord>, StoreError> {
        let select = format!("SELECT key, {COLUMNS} FROM clusters WHERE key >= $1 AND key <= $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(key(first)).bind(key(last));
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("key")?, record(row)?))).collect()
    }

    /// Notes a sign of life; false when the cluster is not there, or another client's.
    pub(in crate::hub) async fn note_heartbeat(
        &self,
        id: &str,
        client_id: &str,
        heartbeat: &str,
        now: jiff::Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let before = "SELECT connectivity FROM clusters WHERE key = $1 AND client_id = $2";
        let query = sqlx::query_scalar::<_, String>(before).bind(key(id)).bind(client_id);
        let Some(before) = query.fetch_optional(&mut *transaction).await? else { return Ok(false) };
        let update =
            "UPDATE clusters SET last_seen = $1, heartbeat = $2, is_used = 1, connectivity = $3 WHERE key = $4";
        let connected = Connectivity::Connected.word();
        let query = sqlx::query(update).bind(stored(now)).bind(heartbeat).bind(connected).bind(key(id));
        query.execute(&mut *transaction).await?;
        if before != connected {
            note(&mut transaction, id, &before, connected, now).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes each cluster that went offline or whose certificate ran out; of several processes one notes each.
    pub(in crate::hub) async fn note_absent(&self, now: jiff::Timestamp) -> Result<(), StoreError> {
        let select = "SELECT key, connectivity, last_seen, certificate_not_after FROM clusters \
            WHERE (certificate_not_after <= $1 AND connectivity <> 'Expired') \
            OR (connectivity = 'Connected' AND last_seen <= $2) LIMIT 1000";
        let rows =
            sqlx::query(select).bind(stored(now)).bind(stored(now - OFFLINE_AFTER)).fetch_all(&self.pool).await?;
        for row in &rows {
            let (id, before): (String, String) = (row.try_get("key")?, row.try_get("connectivity")?);
            let state = Connectivity::of(time(row, "last_seen")?, time(row, "certificate_not_after")?, now);
            let mut transaction = self.begin().await?;
            let update =
                "UPDATE clusters SET connectivity = $1 WHERE key = $2 AND connectivity = $3 AND connectivity <> $1";
            let query = sqlx::query(update).bind(state.word()).bind(&id).bind(&before);
            if query.execute(&mut *transaction).await?.rows_affected() > 0 {
                note(&mut transaction, &id, &before, state.word(), now).await?;
            }
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Gives a cluster a certificate; false when it is not there, or another client by now.
    ///
    /// `by_key` is the fingerprint of the onboarding key, where that was the proof: former certificates are good for nothing then.
    pub(in crate::hub) async fn give_identity(
        &self,
        id: &str,
        certificate: &Certificate,
        by_key: Option<&str>,
        now: jiff::Timestamp,
    ) -> Result<bool, StoreError> {
        let client_id = &certificate.client_id;
        let mut transaction = self.begin().await?;
        let before = "SELECT connectivity, last_seen FROM clusters WHERE key = $1 AND client_id = $2";
        let query = sqlx::query(before).bind(key(id)).bind(client_id);
        let Some(row) = query.fetch_optional(&mut *transaction).await? else { return Ok(false) };
        let (before, last_seen): (String, _) = (row.try_get("connectivity")?, time(&row, "last_seen")?);
        let state = Connectivity::of(last_seen, Some(certificate.not_after), now).word();
        let insert = "INSERT INTO principals (client_id, role, cluster, name, created_at) VALUES ($1, 'cluster', $2, $3, $4) \
            ON CONFLICT (client_id) DO NOTHING";
        let query = sqlx::query(insert).bind(client_id).bind(key(id)).bind(id).bind(stored(now));
        query.execute(&mut *transaction).await?;
        if by_key.is_some() {
            let revoke = "UPDATE certificates SET revoked_at = $1 WHERE client_id = $2 AND revoked_at IS NULL";
            sqlx::query(revoke).bind(stored(now)).bind(client_id).execute(&mut *transaction).await?;
        }
        add_certificate(&mut *transaction, certificate).await?;
        let update = "UPDATE clusters SET certificate_not_after = $1, connectivity = $2, enrolled_key = COALESCE($3, enrolled_key), \
            is_used = CASE WHEN $3 IS NULL THEN is_used ELSE 0 END, may_enrol_until = CASE WHEN $3 IS NULL THEN may_enrol_until ELSE NULL END \
            WHERE key = $4";
        let query = sqlx::query(update).bind(stored(certificate.not_after)).bind(state).bind(by_key).bind(key(id));
        query.execute(&mut *transaction).await?;
        if before != state {
            note(&mut transaction, id, &before, state, now).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Lets a cluster enrol with its onboarding key once more; false when there is no such cluster.
    pub(in crate::hub) async fn allow_enrolment(&self, id: &str, until: jiff::Timestamp) -> Result<bool, StoreError> {
        let update = sqlx::query("UPDATE clusters SET may_enrol_until = $1 WHERE key = $2");
        Ok(self.run(update.bind(stored(until)).bind(key(id))).await? > 0)
    }

    /// Takes a cluster's identity away: it is another client from now on, which has no certificate.
    pub(in crate::hub) async fn take_identity(&self, id: &str, now: jiff::Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("DELETE FROM principals WHERE cluster = $1").bind(key(id)).execute(&mut *transaction).await?;
        let update =
            "UPDATE clusters SET client_id = $1, certificate_not_after = $2, may_enrol_until = NULL WHERE key = $3";
        let query = sqlx::query(update).bind(super::unique()).bind(stored(now)).bind(key(id));
        let was_there = query.execute(&mut *transaction).await?.rows_affected() > 0;
        transaction.commit().await?;
        Ok(was_there)
    }
}

pub(super) fn record(row: &AnyRow) -> Result<ClusterRecord, StoreError> {
    let heartbeat: Option<String> = row.try_get("heartbeat")?;
    let number: i64 = row.try_get("change_number")?;
    let is_used: i64 = row.try_get("is_used")?;
    Ok(ClusterRecord {
        client_id: row.try_get("client_id")?,
        tag: format!("{number}.{}", row.try_get::<String, _>("tag")?),
        enrolled_key: row.try_get("enrolled_key")?,
        is_used: is_used != 0,
        may_enrol_until: time(row, "may_enrol_until")?,
        certificate_not_after: time(row, "certificate_not_after")?,
        last_seen: time(row, "last_seen")?,
        heartbeat: heartbeat.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

fn time(row: &AnyRow, column: &str) -> Result<Option<jiff::Timestamp>, StoreError> {
    row.try_get::<Option<String>, _>(column)?.as_deref().map(read_time).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{
        arm::Stamp,
        store::{Place, Precondition, Resource},
    };

    #[tokio::test]
    async fn a_cluster_of_an_earlier_form_is_known_after_the_next_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::File(directory.path().join("hub.db"));
        let store = Store::open(&place).await.expect("opened");
        let (now, by) = (jiff::Timestamp::UNIX_EPOCH, "me".to_owned());
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Kubernetes/connectedClusters/North";
        let cluster = Resource {
            id: id.into(),
            kind: "cluster".into(),
            body: serde_json::Map::new(),
            sealed: None,
            revision: 1,
            stamp: Stamp { created_at: now, created_by: by.clone(), modified_at: now, modified_by: by },
        };
        assert!(store.write(&cluster, Precondition::Absent).await.expect("written"));
        let first = store.cluster(id).await.expect("read").expect("known");
        sqlx::query("DELETE FROM clusters").execute(&store.pool).await.expect("deleted");
        assert_eq!(store.cluster(id).await.expect("read"), None);
        store.close().await;
        let again = Store::open(&place).await.expect("opened").cluster(id).await.expect("read").expect("known");
        assert_ne!(again.client_id, first.client_id);
        assert_eq!(again.connectivity(now), Connectivity::Connecting);
    }
}
