//! What is installed, held against what this library knows.
//!
//! Statements here are sent unnamed, since a pooler may stand before the server.

use tokio_postgres::GenericClient;
use tokio_postgres::types::{ToSql, Type};

use super::component::{
    COMPONENTS, FUNCTIONS, READ_MODEL_RELATIONS, READ_MODELS, RELATIONS, known, migrations,
};
use super::error::{MigrateError, SchemaFault};
use super::name::SchemaName;
use super::server::require_server;
use crate::postgres::connect::{ConnectOptions, connect};

/// How far one component of a schema is migrated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentStatus {
    /// Which part: `log` or `read_model`.
    pub component: &'static str,
    /// The last installed migration; 0 when there is none.
    pub installed: i32,
    /// The last one this library knows.
    pub known: i32,
}

/// How far a schema is migrated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// The schema.
    pub schema: SchemaName,
    /// Its parts.
    pub components: Vec<ComponentStatus>,
    /// Why it cannot be used as it is, if it cannot.
    pub fault: Option<SchemaFault>,
}

/// One row of `annals.migrations`.
#[derive(Debug, Clone)]
pub(super) struct Installed {
    component: String,
    number: i32,
    hash: String,
}

/// Looks at a schema and changes nothing.
///
/// # Errors
///
/// [`MigrateError`] when the database cannot be asked; faults of the schema are part of the answer.
pub async fn schema_status(
    options: &ConnectOptions,
    schema: &SchemaName,
) -> Result<SchemaStatus, MigrateError> {
    let client = connect(options).await?.into_client();
    require_server(&client).await?;
    let installed = read_installed(&client, schema).await?;
    let rows = installed.as_deref().unwrap_or_default();
    let components = COMPONENTS
        .iter()
        .map(|component| ComponentStatus {
            component,
            installed: last_of(rows, component),
            known: known(component),
        })
        .collect();
    let fault = require_current(&client, schema).await.err().map(fault_or_failure).transpose()?;
    Ok(SchemaStatus { schema: schema.clone(), components, fault })
}

/// Refuses everything but a schema that is complete and as new as this library.
pub(crate) async fn require_current(
    client: &impl GenericClient,
    schema: &SchemaName,
) -> Result<(), MigrateError> {
    require_components(client, schema, COMPONENTS).await
}

/// Refuses a database of read models that is not complete or not as new as this library.
///
/// # Errors
///
/// [`MigrateError::Schema`] says what is missing; [`migrate_read_models`](super::migrate_read_models) brings it.
pub async fn require_read_models(
    client: &impl GenericClient,
    schema: &SchemaName,
) -> Result<(), MigrateError> {
    require_components(client, schema, &[READ_MODELS]).await
}

async fn require_components(
    client: &impl GenericClient,
    schema: &SchemaName,
    components: &'static [&'static str],
) -> Result<(), MigrateError> {
    let Some(installed) = read_installed(client, schema).await? else {
        return Err(SchemaFault::Absent { schema: schema.clone() }.into());
    };
    refuse_unknown(&installed, schema)?;
    for component in components {
        let (at, known) = (last_of(&installed, component), known(component));
        if at < known {
            return Err(SchemaFault::Behind { component, installed: at, known }.into());
        }
    }
    refuse_missing_objects(client, schema, components).await
}

/// Reads what is installed; nothing when the schema was never migrated.
pub(super) async fn read_installed(
    client: &impl GenericClient,
    schema: &SchemaName,
) -> Result<Option<Vec<Installed>>, MigrateError> {
    let there = schema.rewrite("select to_regclass('annals.migrations') is not null");
    if !client.query_typed_one(&there, &[]).await?.get::<_, bool>(0) {
        return Ok(None);
    }
    let sql =
        schema.rewrite("select component, number, hash from annals.migrations order by component, number");
    let rows = client.query_typed(&sql, &[]).await?;
    let installed = rows
        .iter()
        .map(|row| Installed { component: row.get(0), number: row.get(1), hash: row.get(2) })
        .collect();
    Ok(Some(installed))
}

/// Refuses migrations that this library does not know, or knows differently, or that have gaps.
pub(super) fn refuse_unknown(installed: &[Installed], schema: &SchemaName) -> Result<(), SchemaFault> {
    let damaged = |what: String| SchemaFault::Damaged { schema: schema.clone(), what };
    let mut before: Option<&Installed> = None;
    for row in installed {
        let expected = match before {
            Some(last) if last.component == row.component => last.number + 1,
            _ => 1,
        };
        if row.number != expected {
            return Err(damaged(format!("migration {} {expected} is missing", row.component)));
        }
        before = Some(row);

        let known_here = migrations().iter().find(|m| m.component == row.component && m.number == row.number);
        match known_here {
            Some(migration) if migration.hash() == row.hash => {}
            Some(_) => {
                return Err(damaged(format!("migration {} {} is another one", row.component, row.number)));
            }
            None => {
                return Err(SchemaFault::TooNew {
                    component: row.component.clone(),
                    installed: last_of(installed, &row.component),
                    known: known(&row.component),
                });
            }
        }
    }
    Ok(())
}

/// Returns the last installed migration of a component; 0 when there is none.
pub(super) fn last_of(installed: &[Installed], component: &str) -> i32 {
    installed.iter().filter(|row| row.component == component).map(|row| row.number).max().unwrap_or(0)
}

async fn refuse_missing_objects(
    client: &impl GenericClient,
    schema: &SchemaName,
    components: &[&str],
) -> Result<(), MigrateError> {
    let (relations, functions) = match components {
        [READ_MODELS] => (READ_MODEL_RELATIONS.to_vec(), &[][..]),
        _ => ([RELATIONS, READ_MODEL_RELATIONS].concat(), FUNCTIONS),
    };
    let sql = "select name from unnest($2::text[]) as name
               where not exists (select from pg_class where relname = name and relnamespace = $1::text::regnamespace)
               union all
               select name || '()' from unnest($3::text[]) as name
               where not exists (select from pg_proc where proname = name and pronamespace = $1::text::regnamespace)
               limit 1";
    let quoted = format!("\"{schema}\"");
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&quoted, Type::TEXT), (&relations, Type::TEXT_ARRAY), (&functions, Type::TEXT_ARRAY)];
    match client.query_typed_opt(sql, &parameters).await? {
        None => Ok(()),
        Some(missing) => {
            let what = format!("{} is missing", missing.get::<_, &str>(0));
            Err(SchemaFault::Damaged { schema: schema.clone(), what }.into())
        }
    }
}

fn fault_or_failure(error: MigrateError) -> Result<SchemaFault, MigrateError> {
    match error {
        MigrateError::Schema(fault) => Ok(fault),
        failure => Err(failure),
    }
}
