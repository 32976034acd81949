//! Long-running operations.
use super::{super::arm::key, Store, StoreError, read_time, stored};
use sqlx::{Row as _, any::AnyRow};

/// A long-running operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) struct OperationRecord {
    pub(in crate::hub) id: String,
    pub(in crate::hub) subscription: String,
    /// Id of the resource.
    pub(in crate::hub) resource: String,
    /// `InProgress`, `Succeeded`, `Failed` or `Canceled`.
    pub(in crate::hub) status: String,
    pub(in crate::hub) started_at: jiff::Timestamp,
    pub(in crate::hub) ended_at: Option<jiff::Timestamp>,
}

impl Store {
    /// Notes an operation.
    pub(in crate::hub) async fn add_operation(&self, operation: &OperationRecord) -> Result<(), StoreError> {
        let insert = "INSERT INTO operations (id, subscription, resource, status, started_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6)";
        let query =
            sqlx::query(insert).bind(&operation.id).bind(key(&operation.subscription)).bind(&operation.resource);
        let query =
            query.bind(&operation.status).bind(stored(operation.started_at)).bind(operation.ended_at.map(stored));
        self.run(query).await?;
        Ok(())
    }

    /// One operation of a subscription.
    pub(in crate::hub) async fn operation(
        &self,
        subscription: &str,
        id: &str,
    ) -> Result<Option<OperationRecord>, StoreError> {
        let select = "SELECT id, subscription, resource, status, started_at, ended_at FROM operations WHERE id = $1 AND subscription = $2";
        let query = sqlx::query(select).bind(key(id)).bind(key(subscription));
        query.fetch_optional(&self.pool).await?.map(|row| operation(&row)).transpose()
    }
}

fn operation(row: &AnyRow) -> Result<OperationRecord, StoreError> {
    let ended_at: Option<String> = row.try_get("ended_at")?;
    Ok(OperationRecord {
        id: row.try_get("id")?,
        subscription: row.try_get("subscription")?,
        resource: row.try_get("resource")?,
        status: row.try_get("status")?,
        started_at: read_time(&row.try_get::<String, _>("started_at")?)?,
        ended_at: ended_at.as_deref().map(read_time).transpose()?,
    })
}
