//! What a check is given: a connection, and how the store would be set up.

use std::time::Duration;

use tokio_postgres::{Client, Error, Row};

use crate::postgres::config::StoreConfig;
use crate::postgres::statements::{Statement, Statements};

/// What is examined.
pub(super) struct Subject<'a> {
    /// A session that sets nothing itself.
    pub(super) client: &'a Client,
    pub(super) config: &'a StoreConfig,
    pub(super) statements: &'a Statements,
    /// From which age on an open append or a prepared transaction counts as forgotten.
    pub(super) open_for_max: Duration,
}

impl Subject<'_> {
    /// Asks, unnamed, since a pooler may stand before the server.
    pub(super) async fn rows(&self, statement: &Statement) -> Result<Vec<Row>, Error> {
        self.client.query_typed(statement, &[]).await
    }

    /// Asks what has one row for an answer.
    pub(super) async fn row(&self, statement: &Statement) -> Result<Row, Error> {
        self.client.query_typed_one(statement, &[]).await
    }
}
