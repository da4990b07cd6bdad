//! A version of a projection over tables that another version fills: a newer one is built beside it, an older one is not
//! needed any more.

use annals_eventstore::postgres::{CheckpointError, Consumer};
use deadpool_postgres::Pool;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, IsolationLevel};

use crate::statements::Statements;

/// Whose tables are in the schema of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    /// Its own, or nobody's yet.
    Own,
    /// Those of an older version.
    Older(i32),
    /// Those of a newer version.
    Newer(i32),
}

/// Tells whose tables are in a schema.
pub(crate) async fn tables_in(
    read_models: &Pool,
    statements: &Statements,
    projection: &Consumer,
    schema: Option<&str>,
) -> Result<Tables, CheckpointError> {
    let Some(schema) = schema else { return Ok(Tables::Own) };
    let client = read_models.get().await?;
    let versions = &statements.versions_of_schema;
    let rows = versions.query(&**client, &[&projection.name, &schema]).await?;
    let mut live: Option<i32> = None;
    for row in &rows {
        let (version, standing): (i32, &str) = (row.try_get("version")?, row.try_get("standing")?);
        if standing == "live" && version != projection.version {
            live = live.max(Some(version));
        }
    }
    Ok(match live {
        Some(newer) if newer > projection.version => Tables::Newer(newer),
        Some(older) => Tables::Older(older),
        None => Tables::Own,
    })
}

/// Registers a version that is to be built beside an older one, and asks for that; tells whether it did, or another
/// rebuild of the projection is under way.
pub(crate) async fn build_beside(
    read_models: &Pool,
    statements: &Statements,
    projection: &Consumer,
    older: i32,
) -> Result<bool, CheckpointError> {
    let Consumer { name, version } = projection;
    let mut client = read_models.get().await?;
    let client: &mut Client = &mut client;
    let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
    let transaction = begin.start().await?;
    statements.register_building.query(&transaction, &[name, version, &older]).await?;
    let (verification, throttle, keeps_old) = (None::<&str>, None::<i64>, false);
    let reason = format!("version {version} is deployed");
    let ask = &statements.ask_rebuild;
    let values: [&(dyn ToSql + Sync); 7] =
        [name, version, &older, &verification, &throttle, &keeps_old, &reason];
    let asked = ask.query(&transaction, &values).await?;
    transaction.commit().await?;
    Ok(!asked.is_empty())
}
