//! What belongs to the whole control plane: its tenant, its keys.
use super::{
    super::{Seal, SealError},
    Store, StoreError,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

impl Store {
    /// A setting; none when it was never made.
    pub(in crate::hub) async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT value FROM settings WHERE name = $1").bind(name);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Sets a setting, whatever it was.
    pub(in crate::hub) async fn set_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let upsert = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
        self.run(sqlx::query(upsert).bind(name).bind(value)).await?;
        Ok(())
    }

    /// A setting, made from `value` where there is none: of several processes that begin at once, all get the same.
    pub(in crate::hub) async fn setting_or(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let insert = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        self.run(sqlx::query(insert).bind(name).bind(value)).await?;
        self.setting(name).await?.ok_or_else(|| StoreError::Damaged { what: format!("no setting {name}") })
    }

    /// Changes a setting that is there.
    pub(in crate::hub) async fn change_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE settings SET value = $1 WHERE name = $2").bind(value).bind(name);
        self.run(update).await?;
        Ok(())
    }

    /// Takes, or keeps, a turn that one of several processes has at a time; false while another has it.
    pub(in crate::hub) async fn take_turn(
        &self,
        name: &str,
        own: &str,
        now: jiff::Timestamp,
        life: Duration,
    ) -> Result<bool, StoreError> {
        let wanted = format!("{own} {}", (now + life).as_second());
        let found = self.setting_or(name, &wanted).await?;
        let (holder, until) = found.split_once(' ').unwrap_or_default();
        let is_free = holder == own || until.parse::<i64>().unwrap_or_default() <= now.as_second();
        if !is_free {
            return Ok(false);
        }
        let update = sqlx::query("UPDATE settings SET value = $1 WHERE name = $2 AND value = $3");
        let taken = self.run(update.bind(wanted).bind(name).bind(&found)).await?;
        Ok(taken > 0)
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
