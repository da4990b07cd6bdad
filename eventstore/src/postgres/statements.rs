//! The statements of this adapter, written for one schema, with the types that their headers give their parameters.

use std::ops::Deref;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, GenericClient, Row};

use crate::postgres::schema::SchemaName;

/// A statement from a file, written for one schema, and the types of its parameters, `$1` first.
///
/// It is sent unnamed, so that a pooler may stand before the server. For crates that keep tables beside the log's.
#[derive(Debug)]
pub struct Statement {
    text: String,
    parameters: Vec<Type>,
}

impl Statement {
    /// Rewrites a statement for a schema. Its header tells the types of its parameters.
    ///
    /// # Panics
    ///
    /// On a type that is not known here; a test reads every header.
    pub fn new(sql: &str, schema: &SchemaName) -> Self {
        Self { text: schema.rewrite(sql), parameters: parameter_types(sql) }
    }

    /// Sends the statement and reads its rows to the end.
    ///
    /// # Errors
    ///
    /// What the server says, or a lost connection.
    pub async fn query(
        &self,
        client: &impl GenericClient,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        client.query_typed(self, &self.typed(parameters)).await
    }

    /// Gives each parameter its type.
    pub(crate) fn typed<'a>(
        &self,
        parameters: &[&'a (dyn ToSql + Sync)],
    ) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
        parameters.iter().copied().zip(self.parameters.iter().cloned()).collect()
    }
}

impl Deref for Statement {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Returns the types that a statement's header gives its parameters: its lines `$1  text  stream name`.
///
/// # Panics
///
/// On a type that has no name here; a test reads every header.
#[cfg_attr(not(feature = "testing"), expect(unreachable_pub, reason = "tests compare it with the server's"))]
pub fn parameter_types(sql: &str) -> Vec<Type> {
    let header = sql.lines().map_while(|line| line.strip_prefix("--"));
    let parameters = header.filter_map(|line| {
        let mut words = line.trim().trim_start_matches("in ").split_whitespace();
        words.next().filter(|word| word.starts_with('$'))?;
        words.next()
    });
    parameters.map(|name| named(name).unwrap_or_else(|| panic!("a parameter has the type {name}"))).collect()
}

fn named(name: &str) -> Option<Type> {
    Some(match name {
        "bigint" => Type::INT8,
        "bigint[]" => Type::INT8_ARRAY,
        "boolean" => Type::BOOL,
        "boolean[]" => Type::BOOL_ARRAY,
        "bytea" => Type::BYTEA,
        "bytea[]" => Type::BYTEA_ARRAY,
        "integer" => Type::INT4,
        "integer[]" => Type::INT4_ARRAY,
        "json" => Type::JSON,
        "json[]" => Type::JSON_ARRAY,
        "jsonb" => Type::JSONB,
        "smallint" => Type::INT2,
        "text" => Type::TEXT,
        "text[]" => Type::TEXT_ARRAY,
        "timestamptz" => Type::TIMESTAMPTZ,
        "uuid" => Type::UUID,
        "uuid[]" => Type::UUID_ARRAY,
        _ => return None,
    })
}

/// Declares `Statements`, with a field for each file of the folder `sql` beside the caller, and `statements`, which returns
/// them by name for tests that prepare and explain them. `SchemaName` and `Statement` have to be in scope.
#[doc(hidden)]
#[macro_export]
macro_rules! sql_statements {
    ($($name:ident),* $(,)?) => {
        /// Every statement, under its file's name.
        #[derive(Debug)]
        pub(crate) struct Statements {
            $(pub(crate) $name: Statement,)*
        }

        impl Statements {
            /// Rewrites every statement for a schema.
            pub(crate) fn new(schema: &SchemaName) -> Self {
                Self {
                    $($name: Statement::new(include_str!(concat!("sql/", stringify!($name), ".sql")), schema),)*
                }
            }
        }

        /// Returns every SQL file, by name; for tests that prepare and explain them.
        #[doc(hidden)]
        pub fn statements() -> Vec<(&'static str, &'static str)> {
            vec![$((stringify!($name), include_str!(concat!("sql/", stringify!($name), ".sql"))),)*]
        }
    };
}

sql_statements!(
    advance_checkpoint,
    append,
    append_decisions,
    append_event,
    append_first_event,
    append_many,
    append_many_claiming,
    checkup_grants,
    checkup_indexes,
    checkup_prepared,
    checkup_public_functions,
    checkup_role,
    checkup_server,
    checkup_sessions,
    checkup_triggers,
    claim_checkpoint,
    close_key,
    delete_stream,
    examine_log,
    fence_blockers,
    find_append,
    find_append_many,
    find_claim,
    forget_checkpoint,
    head,
    held_leases,
    keep_lease,
    lineage,
    list_leases,
    list_streams,
    lock_lease,
    opening,
    prune_snapshots,
    publish_head,
    read_from_snapshot,
    read_log_backward,
    read_log_filtered,
    read_log_forward,
    read_stream_backward,
    read_stream_forward,
    read_tail,
    register_projection,
    register_slots,
    release_claim,
    reload_checkpoint,
    repair_log,
    scrub_stream,
    stop_slot,
    stream_info,
    tombstone_stream,
    truncate_stream,
    wake,
    write_snapshot,
);
