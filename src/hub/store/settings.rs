//! What belongs to the whole control plane: its tenant, its keys.
use super::{Store, StoreError};

impl Store {
    /// A setting; none when it was never made.
    pub(in crate::hub) async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT value FROM settings WHERE name = $1").bind(name);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// A setting, made from `value` where there is none: of several processes that begin at once, all get the same.
    pub(in crate::hub) async fn setting_or(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let insert = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        sqlx::query(insert).bind(name).bind(value).execute(&self.pool).await?;
        self.setting(name).await?.ok_or_else(|| StoreError::Damaged { what: format!("no setting {name}") })
    }
}
