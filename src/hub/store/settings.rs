//! What belongs to the whole control plane: its tenant, its keys.
use super::{
    super::{Seal, SealError},
    Store, StoreError,
};
use secrecy::{ExposeSecret as _, SecretString};

impl Store {
    /// A setting; none when it was never made.
    pub(in crate::hub) async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT value FROM settings WHERE name = $1").bind(name);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Sets a setting, whatever it was.
    pub(in crate::hub) async fn set_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let upsert = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
        sqlx::query(upsert).bind(name).bind(value).execute(&self.pool).await?;
        Ok(())
    }

    /// A setting, made from `value` where there is none: of several processes that begin at once, all get the same.
    pub(in crate::hub) async fn setting_or(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let insert = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        sqlx::query(insert).bind(name).bind(value).execute(&self.pool).await?;
        self.setting(name).await?.ok_or_else(|| StoreError::Damaged { what: format!("no setting {name}") })
    }

    /// A secret setting, sealed under its name and made where there is none.
    pub(in crate::hub) async fn secret_setting_or<E: From<StoreError> + From<SealError>>(
        &self,
        seal: &Seal,
        name: &str,
        make: impl FnOnce() -> Result<SecretString, E>,
    ) -> Result<SecretString, E> {
        let sealed = match self.setting(name).await? {
            Some(sealed) => sealed,
            None => self.setting_or(name, &seal.seal(name, make()?.expose_secret())).await?,
        };
        Ok(seal.open(name, &sealed)?)
    }
}
