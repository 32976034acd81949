//! What people look at: clusters by the hundred, and how many stand where.
use super::{ClusterRecord, Resource, Store, StoreError, clusters, resources};
use sqlx::{
    Any, Row as _,
    any::{AnyArguments, AnyRow},
    query::Query,
};
use std::collections::BTreeMap;

/// Which clusters are meant. What is empty does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::hub) struct Wanted {
    /// A part of the id.
    pub(in crate::hub) text: String,
    /// `Connecting`, `Connected`, `Offline` or `Expired`.
    pub(in crate::hub) connectivity: String,
    /// A state of compliance that at least one configuration has.
    pub(in crate::hub) compliance: String,
}

/// One cluster.
#[derive(Clone, Debug)]
pub(in crate::hub) struct Seen {
    pub(in crate::hub) resource: Resource,
    /// Its connectivity, as it was last noted.
    pub(in crate::hub) connectivity: String,
    pub(in crate::hub) record: ClusterRecord,
}

const WANTED: &str = "FROM resources r JOIN clusters c ON c.key = r.key WHERE r.kind = 'cluster' \
    AND r.key LIKE $1 ESCAPE '!' AND ($2 = '' OR c.connectivity = $2) \
    AND ($3 = '' OR EXISTS (SELECT 1 FROM resources f LEFT JOIN statuses s ON s.key = f.key \
        WHERE f.parent = r.key AND COALESCE(CASE WHEN s.revision >= f.revision THEN s.state END, 'Pending') = $3))";

impl Wanted {
    fn bind<'q>(&self, query: Query<'q, Any, AnyArguments>) -> Query<'q, Any, AnyArguments> {
        let text = self.text.trim().to_lowercase();
        let text = text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        query.bind(format!("%{text}%")).bind(self.connectivity.clone()).bind(self.compliance.clone())
    }
}

impl Store {
    /// How many clusters are meant.
    pub(in crate::hub) async fn count_clusters(&self, wanted: &Wanted) -> Result<u64, StoreError> {
        let select = format!("SELECT COUNT(*) AS number {WANTED}");
        let row = wanted.bind(sqlx::query(sqlx::AssertSqlSafe(select))).fetch_one(&self.pool).await?;
        Ok(u64::try_from(row.try_get::<i64, _>("number")?).unwrap_or_default())
    }

    /// The clusters that are meant, in the order of their ids, without the first so many.
    pub(in crate::hub) async fn see_clusters(
        &self,
        wanted: &Wanted,
        skipped: u64,
        most: u32,
    ) -> Result<Vec<Seen>, StoreError> {
        let select = format!(
            "SELECT {}, {}, c.connectivity AS connectivity {WANTED} ORDER BY r.key LIMIT $4 OFFSET $5",
            with_prefix("r", resources::COLUMNS),
            with_prefix("c", clusters::COLUMNS)
        );
        let query = wanted.bind(sqlx::query(sqlx::AssertSqlSafe(select)));
        let query = query.bind(i64::from(most)).bind(i64::try_from(skipped).unwrap_or(i64::MAX));
        let rows = query.fetch_all(&self.pool).await?;
        let seen = |row: &AnyRow| {
            let connectivity = row.try_get("connectivity")?;
            Ok(Seen { resource: resources::resource(row)?, connectivity, record: clusters::record(row)? })
        };
        rows.iter().map(seen).collect()
    }

    /// How many clusters have each connectivity.
    pub(in crate::hub) async fn count_by_connectivity(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        self.counted("SELECT connectivity AS state, COUNT(*) AS number FROM clusters GROUP BY connectivity").await
    }

    /// How many configurations have each state of compliance.
    pub(in crate::hub) async fn count_by_compliance(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        self.counted(
            "SELECT COALESCE(CASE WHEN s.revision >= r.revision THEN s.state END, 'Pending') AS state, COUNT(*) AS number FROM resources r \
             LEFT JOIN statuses s ON s.key = r.key WHERE r.kind <> 'cluster' GROUP BY 1",
        )
        .await
    }

    async fn counted(&self, select: &'static str) -> Result<BTreeMap<String, i64>, StoreError> {
        let rows = sqlx::query(select).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("state")?, row.try_get("number")?))).collect()
    }
}

/// Names of columns, each of one table.
fn with_prefix(table: &str, columns: &str) -> String {
    columns.split(", ").map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
}
