//! What every verb of the adapter needs: connections, and the statements to send through them.

use std::sync::Arc;

use deadpool_postgres::Pool;

use super::statements::Statements;

/// Connections to one log and the statements written for its schema. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) pool: Pool,
    pub(super) statements: Arc<Statements>,
}
