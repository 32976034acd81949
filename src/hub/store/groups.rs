//! What holds resources: groups, and the providers that a subscription may use.
use super::{super::arm::key, Store, StoreError, resources::place};
use serde_json::Value;
use sqlx::{Row as _, any::AnyRow};

impl Store {
    /// One group, as id and body.
    pub(in crate::hub) async fn group(&self, id: &str) -> Result<Option<(String, Value)>, StoreError> {
        let query = sqlx::query("SELECT id, body FROM resource_groups WHERE key = $1").bind(key(id));
        query.fetch_optional(&self.pool).await?.map(|row| group(&row)).transpose()
    }

    /// The groups of a subscription.
    pub(in crate::hub) async fn groups(&self, subscription: &str) -> Result<Vec<(String, Value)>, StoreError> {
        let query = sqlx::query("SELECT id, body FROM resource_groups WHERE subscription = $1 ORDER BY key");
        query.bind(key(subscription)).fetch_all(&self.pool).await?.iter().map(group).collect()
    }

    /// Makes a group, or changes it; whether it was made.
    pub(in crate::hub) async fn write_group(&self, id: &str, body: &Value) -> Result<bool, StoreError> {
        let (subscription, ..) = place(id);
        let insert = "INSERT INTO resource_groups (key, subscription, id, body) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING";
        let query = sqlx::query(insert).bind(key(id)).bind(subscription).bind(id).bind(body.to_string());
        let is_new = self.run(query).await? > 0;
        if !is_new {
            let update = sqlx::query("UPDATE resource_groups SET body = $1 WHERE key = $2");
            self.run(update.bind(body.to_string()).bind(key(id))).await?;
        }
        Ok(is_new)
    }

    /// Deletes a group with everything in it; false when there was none.
    pub(in crate::hub) async fn delete_group(&self, id: &str) -> Result<bool, StoreError> {
        let (subscription, group, _) = place(id);
        let mut transaction = self.begin().await?;
        let delete = sqlx::query("DELETE FROM resource_groups WHERE key = $1").bind(key(id));
        let was_there = delete.execute(&mut *transaction).await?.rows_affected() > 0;
        for table in
            ["principals WHERE cluster", "clusters WHERE key", "statuses WHERE cluster", "history WHERE cluster"]
        {
            let delete = format!(
                "DELETE FROM {table} IN (SELECT key FROM resources WHERE subscription = $1 AND resource_group = $2)"
            );
            let query = sqlx::query(sqlx::AssertSqlSafe(delete)).bind(&subscription).bind(&group);
            query.execute(&mut *transaction).await?;
        }
        let resources = "DELETE FROM resources WHERE subscription = $1 AND resource_group = $2";
        sqlx::query(resources).bind(&subscription).bind(&group).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(was_there)
    }

    /// Registers a provider for the subscription of the first start, once: taking it back is remembered.
    pub(in crate::hub) async fn register_first(&self, subscription: &str, namespace: &str) -> Result<(), StoreError> {
        let name = format!("registered {namespace}");
        if self.setting(&name).await?.is_none() {
            self.register(subscription, namespace, true).await?;
            self.setting_or(&name, "once").await?;
        }
        Ok(())
    }

    /// Registers a provider for a subscription, or takes that back.
    pub(in crate::hub) async fn register(
        &self,
        subscription: &str,
        namespace: &str,
        is_wanted: bool,
    ) -> Result<(), StoreError> {
        let statement = if is_wanted {
            "INSERT INTO registrations (subscription, namespace) VALUES ($1, $2) ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM registrations WHERE subscription = $1 AND namespace = $2"
        };
        self.run(sqlx::query(statement).bind(key(subscription)).bind(key(namespace))).await?;
        Ok(())
    }

    /// The providers that are registered for a subscription, in lower case.
    pub(in crate::hub) async fn registrations(&self, subscription: &str) -> Result<Vec<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT namespace FROM registrations WHERE subscription = $1");
        Ok(query.bind(key(subscription)).fetch_all(&self.pool).await?)
    }
}

fn group(row: &AnyRow) -> Result<(String, Value), StoreError> {
    let (id, body): (String, String) = (row.try_get("id")?, row.try_get("body")?);
    let body =
        serde_json::from_str(&body).ok().ok_or_else(|| StoreError::Damaged { what: format!("a body of {id}") })?;
    Ok((id, body))
}
