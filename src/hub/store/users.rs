//! People and programs among the principals.
use super::{super::User, Role, Store, StoreError, read_time};
use sqlx::Row as _;

impl Store {
    /// Everybody who is no cluster, by name.
    pub(in crate::hub) async fn users(&self) -> Result<Vec<User>, StoreError> {
        let select =
            "SELECT client_id, name, role, created_at FROM principals WHERE role <> $1 ORDER BY name, client_id";
        let rows = sqlx::query(select).bind(Role::Cluster.word()).fetch_all(&self.pool).await?;
        let mut users = Vec::with_capacity(rows.len());
        for row in rows {
            let client_id: String = row.try_get("client_id")?;
            users.push(User {
                credentials: self.credentials(&client_id).await?,
                name: row.try_get("name")?,
                role: row.try_get("role")?,
                created_at: read_time(&row.try_get::<String, _>("created_at")?)?,
                client_id,
            });
        }
        Ok(users)
    }

    /// What people call a client; its id where it has no name.
    pub(in crate::hub) async fn name_of(&self, client_id: &str) -> Result<String, StoreError> {
        let found = self.principal(client_id).await?.map(|principal| principal.name);
        Ok(found.filter(|name| !name.is_empty()).unwrap_or_else(|| client_id.to_owned()))
    }

    /// By what a principal signs in, in words.
    async fn credentials(&self, client_id: &str) -> Result<Vec<String>, StoreError> {
        let secrets = sqlx::query_scalar("SELECT kind FROM credentials WHERE client_id = $1 ORDER BY kind");
        let mut words: Vec<String> = secrets.bind(client_id).fetch_all(&self.pool).await?;
        let select = "SELECT not_after, revoked_at FROM certificates WHERE client_id = $1 ORDER BY not_after";
        for row in sqlx::query(select).bind(client_id).fetch_all(&self.pool).await? {
            let (until, revoked): (String, Option<String>) = (row.try_get("not_after")?, row.try_get("revoked_at")?);
            let date = until.split('T').next().unwrap_or_default();
            words.push(if revoked.is_some() {
                "certificate revoked".to_owned()
            } else {
                format!("certificate until {date}")
            });
        }
        Ok(words)
    }

    /// Removes somebody who is no cluster, with its credentials; false for the only owner.
    pub(in crate::hub) async fn remove_user(&self, client_id: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let delete = sqlx::query("DELETE FROM principals WHERE client_id = $1 AND role <> $2");
        delete.bind(client_id).bind(Role::Cluster.word()).execute(&mut *transaction).await?;
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM principals WHERE role = $1");
        let owners = count.bind(Role::Owner.word()).fetch_one(&mut *transaction).await?;
        if owners == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }
}
