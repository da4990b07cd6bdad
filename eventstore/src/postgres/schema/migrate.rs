//! Migrating: every pending migration of every component, in one transaction, one process at a time.
//!
//! Guarantees: all or nothing; running it again changes nothing; two processes at once do it once.

use std::fmt::Write as _;

use tokio_postgres::types::Type;
use tokio_postgres::{IsolationLevel, Transaction};

use super::component::{COMPONENTS, Migration, READ_MODELS, migrations};
use super::error::MigrateError;
use super::installed::{last_of, read_installed, refuse_unknown};
use super::name::SchemaName;
use super::server::require_server;
use crate::postgres::connect::{ConnectOptions, connect};

/// The table that remembers what was installed. It comes before the first migration.
const BOOKKEEPING: &str = "\
create table if not exists annals.migrations (
    component  text not null,
    number     integer not null,
    name       text not null,
    hash       text not null,
    applied_at timestamptz not null default clock_timestamp(),
    primary key (component, number)
)";

/// One migration at a time in a database. Two numbers, so that it can be no lock of the fence.
const LOCK: &str = "select pg_advisory_xact_lock(1634627169, hashtext('annals'))";

/// Lets what a migration brings belong to the owner of the schema, whoever of that role's members migrates.
const BECOME_OWNER: &str = "\
select format('set local role %I', r.rolname)
from pg_namespace as n
join pg_roles as r on r.oid = n.nspowner
where n.nspname = $1 and r.rolname <> current_user
  and pg_has_role(current_user, r.oid, case when current_setting('server_version_num')::integer >= 160000
                                            then 'set' else 'member' end)";

/// What a migration run did.
#[derive(Debug, Clone)]
pub struct MigrationReport {
    /// The migrations that were pending and are applied now, in their order.
    pub applied: Vec<Migration>,
}

/// Brings a schema up to date, creating it if need be.
///
/// # Errors
///
/// [`MigrateError`]; then nothing was changed.
pub async fn migrate(options: &ConnectOptions, schema: &SchemaName) -> Result<MigrationReport, MigrateError> {
    migrate_components(options, schema, COMPONENTS).await
}

/// Brings a database of read models up to date, where the log is in another one: what keeps leases, checkpoints and
/// parked events, and no log.
///
/// # Errors
///
/// [`MigrateError`]; then nothing was changed.
pub async fn migrate_read_models(
    options: &ConnectOptions,
    schema: &SchemaName,
) -> Result<MigrationReport, MigrateError> {
    migrate_components(options, schema, &[READ_MODELS]).await
}

async fn migrate_components(
    options: &ConnectOptions,
    schema: &SchemaName,
    components: &[&str],
) -> Result<MigrationReport, MigrateError> {
    let mut client = connect(options).await?.into_client();
    require_server(&client).await?;

    // Whoever waited for the lock has to see what was installed meanwhile.
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
    transaction.query_typed(&schema.rewrite(LOCK), &[]).await?;
    let installed = match read_installed(&transaction, schema).await? {
        Some(installed) => installed,
        None => {
            transaction.batch_execute(&create_schema(schema)).await?;
            transaction.batch_execute(&schema.rewrite(BOOKKEEPING)).await?;
            Vec::new()
        }
    };
    refuse_unknown(&installed, schema)?;
    let owner = transaction.query_typed(BECOME_OWNER, &[(&schema.as_str(), Type::TEXT)]).await?;
    if let Some(row) = owner.first() {
        transaction.batch_execute(row.get(0)).await?;
    }
    let mut applied = Vec::new();
    for migration in migrations().iter().filter(|migration| components.contains(&migration.component)) {
        if migration.number > last_of(&installed, migration.component) {
            apply(&transaction, migration, schema).await?;
            applied.push(*migration);
        }
    }
    transaction.commit().await?;
    Ok(MigrationReport { applied })
}

/// Returns the whole schema as SQL that psql runs, for those who migrate with tools of their own.
pub fn migration_script(schema: &SchemaName) -> String {
    let mut script = format!("begin;\n\n{};\n\n{};\n", create_schema(schema), schema.rewrite(BOOKKEEPING));
    for migration in migrations() {
        let Migration { component, number, name, sql } = migration;
        let remember = schema.rewrite(REMEMBER);
        let _ = write!(
            script,
            "\n-- {component} {number}: {name}\n\n{}\n{remember}\nvalues ('{component}', {number}, '{name}', '{}');\n",
            schema.rewrite(sql),
            migration.hash(),
        );
    }
    script.push_str("\ncommit;\n");
    script
}

const REMEMBER: &str = "insert into annals.migrations (component, number, name, hash)";

async fn apply(
    transaction: &Transaction<'_>,
    migration: &Migration,
    schema: &SchemaName,
) -> Result<(), MigrateError> {
    let Migration { component, number, name, sql } = *migration;
    let failed = |source| MigrateError::Migration { component, number, name, source };
    transaction.batch_execute(&schema.rewrite(sql)).await.map_err(failed)?;
    let remember = format!("{} values ($1, $2, $3, $4)", schema.rewrite(REMEMBER));
    transaction
        .execute_typed(
            &remember,
            &[
                (&component, Type::TEXT),
                (&number, Type::INT4),
                (&name, Type::TEXT),
                (&migration.hash(), Type::TEXT),
            ],
        )
        .await
        .map_err(failed)?;
    Ok(())
}

fn create_schema(schema: &SchemaName) -> String {
    format!("create schema if not exists \"{schema}\"")
}
