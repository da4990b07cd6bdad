//! How a statement is sent: one round trip, whoever stands between us and the server.
//!
//! - On a connection of our own it is prepared once and kept; the session's isolation level is READ COMMITTED.
//! - Behind a pooler in transaction mode the next transaction may meet another session of the server, which knows no
//!   statement of ours, and whose default isolation is anybody's. There it is sent unnamed, with BEGIN before and
//!   COMMIT behind it, all three at once.
//!
//! Guarantees
//! - rows are given only after the end of the transaction that they come from;
//! - dropping the future leaves no transaction open: its end was sent with its begin.

use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Transaction};

use super::idle_limit::IdleLimit;
use super::loan::Loan;
use super::statements::Statement;

/// The parameters of a statement.
pub(super) type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// How statements are sent outside of a caller's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Prepared once for each connection.
    Prepared,
    /// Unnamed, in a transaction that says its isolation level, and for how long it may do nothing.
    Pooled(IdleLimit),
}

/// A statement that can be sent over one connection. Nothing of it was executed yet.
pub(super) enum Ready<'a> {
    Prepared(&'a Loan, tokio_postgres::Statement),
    Pooled(&'a Loan, &'a Statement, IdleLimit),
    /// In the caller's own transaction, which ends when the caller says so.
    Within(&'a Transaction<'a>, &'a Statement),
}

impl Manner {
    /// Gets a statement ready for a connection.
    pub(super) async fn ready<'a>(
        self,
        client: &'a Loan,
        statement: &'a Statement,
    ) -> Result<Ready<'a>, Error> {
        Ok(match self {
            Self::Prepared => {
                Ready::Prepared(client, client.in_time(client.prepare_cached(statement)).await?)
            }
            Self::Pooled(limit) => Ready::Pooled(client, statement, limit),
        })
    }

    /// Gets a statement ready and sends it, where it does not matter which of the two failed.
    pub(super) async fn query(
        self,
        client: &Loan,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, Error> {
        self.ready(client, statement).await?.query(parameters).await
    }
}

impl Ready<'_> {
    /// Sends the statement and reads its rows to the end.
    pub(super) async fn query(&self, parameters: &Parameters<'_>) -> Result<Vec<Row>, Error> {
        match self {
            Self::Prepared(client, statement) => client.in_time(client.query(statement, parameters)).await,
            // Three answers at once make a large future.
            Self::Pooled(client, statement, limit) => {
                let answer = Box::pin(in_one_transaction(client, statement, parameters, *limit));
                client.in_time(answer).await
            }
            Self::Within(transaction, statement) => {
                transaction.query_typed(statement, &statement.typed(parameters)).await
            }
        }
    }
}

async fn in_one_transaction(
    client: &Loan,
    statement: &Statement,
    parameters: &Parameters<'_>,
    limit: IdleLimit,
) -> Result<Vec<Row>, Error> {
    let (begin, typed) = (limit.begin(), statement.typed(parameters));
    // In this order, and all sent before the first is answered.
    let (begun, answered, ended) = tokio::join!(
        biased;
        client.batch_execute(&begin),
        client.query_typed(statement, &typed),
        client.batch_execute("commit"),
    );
    match (begun, answered, ended) {
        (_, Ok(rows), Ok(())) => Ok(rows),
        (_, Ok(_), Err(uncommitted)) => Err(uncommitted),
        // Last words: what was sent behind them met nobody.
        (Err(last), Err(_), _) if is_fatal(&last) => Err(last),
        (_, Err(refused), _) => Err(refused),
    }
}

fn is_fatal(error: &Error) -> bool {
    let severity = error.as_db_error().and_then(DbError::parsed_severity);
    matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

/// Sends a statement unnamed, in the caller's transaction; returns how many rows it changed.
pub(super) async fn execute_within(
    transaction: &Transaction<'_>,
    statement: &Statement,
    parameters: &Parameters<'_>,
) -> Result<u64, Error> {
    transaction.execute_typed(statement, &statement.typed(parameters)).await
}
