//! What handlers of single events write: statements that are collected and sent together.
//!
//! Guarantees: they are carried out in the order in which they were collected, in the batch's transaction; the first
//! that fails is named with its event.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use annals_eventstore::GlobalPosition;
use futures_util::future::join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Statement, Transaction};

/// How many statements are on their way at once.
const PIPELINED: usize = 256;

type Value = Box<dyn ToSql + Sync + Send>;

/// Statements for the transaction of a batch.
///
/// # Examples
///
/// ```
/// # use annals_projections::Writes;
/// # fn handler(writes: &mut Writes) {
/// writes
///     .execute("update accounts set cents = cents + $2 where account = $1")
///     .with("account-7".to_owned())
///     .with(500_i64);
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Writes {
    writes: Vec<Write>,
    at: GlobalPosition,
}

/// One statement.
#[derive(Debug)]
struct Write {
    sql: Cow<'static, str>,
    values: Vec<Value>,
    at: GlobalPosition,
}

/// The statement that was added last, for its values.
#[derive(Debug)]
pub struct Added<'a>(&'a mut Write);

/// Why a statement of an event failed. The batch is rolled back.
#[derive(Debug, thiserror::Error)]
#[error("statement for the event at position {at} failed")]
pub struct WriteError {
    /// The event.
    pub at: GlobalPosition,
    /// What the database said.
    #[source]
    pub source: tokio_postgres::Error,
}

impl Writes {
    /// Adds a statement; its values follow with [`Added::with`], `$1` first.
    ///
    /// Statements of the same text are prepared once a batch.
    #[expect(clippy::missing_panics_doc, reason = "it was just added")]
    pub fn execute(&mut self, sql: impl Into<Cow<'static, str>>) -> Added<'_> {
        self.writes.push(Write { sql: sql.into(), values: Vec::new(), at: self.at });
        Added(self.writes.last_mut().expect("it was just added"))
    }

    /// What is added from here on belongs to this event.
    pub(crate) fn begin(&mut self, at: GlobalPosition) {
        self.at = at;
    }

    /// Sends what was collected, many statements on their way at once.
    pub(crate) async fn send(self, transaction: &Transaction<'_>) -> Result<(), WriteError> {
        let mut texts = HashSet::new();
        let firsts = self.writes.iter().filter(|write| texts.insert(&*write.sql));
        let preparing = firsts.map(|Write { sql, at, .. }| async move {
            let statement = transaction.prepare(sql).await;
            Ok((&**sql, statement.map_err(|source| WriteError { at: *at, source })?))
        });
        let prepared =
            join_all(preparing).await.into_iter().collect::<Result<HashMap<_, _>, WriteError>>()?;
        for some in self.writes.chunks(PIPELINED) {
            let sent = some.iter().map(|write| write.send(transaction, &prepared[&*write.sql]));
            // All answers are awaited: those behind the first that failed only say that it did.
            join_all(sent).await.into_iter().collect::<Result<(), WriteError>>()?;
        }
        Ok(())
    }
}

impl Write {
    async fn send(&self, transaction: &Transaction<'_>, statement: &Statement) -> Result<(), WriteError> {
        let values: Vec<&(dyn ToSql + Sync)> = self.values.iter().map(|value| &**value as _).collect();
        let failed = |source| WriteError { at: self.at, source };
        transaction.execute(statement, &values).await.map(drop).map_err(failed)
    }
}

impl Added<'_> {
    /// Gives the statement its next value.
    #[expect(clippy::return_self_not_must_use, reason = "the statement is complete with its last value")]
    pub fn with(self, value: impl ToSql + Sync + Send + 'static) -> Self {
        self.0.values.push(Box::new(value));
        self
    }
}
