//! What a server says about itself.

use tokio_postgres::{Error, Row};

use super::subject::Subject;

/// One answer of `checkup_server.sql`: the settings of a session that sets nothing itself.
#[derive(Debug, Clone)]
pub(super) struct ServerFacts {
    /// As `server_version_num` writes it.
    pub(super) version_number: i32,
    pub(super) version: String,
    pub(super) encoding: String,
    pub(super) is_standby: bool,
    pub(super) is_read_only: bool,
    pub(super) fsync: bool,
    pub(super) full_page_writes: bool,
    pub(super) synchronous_commit: String,
    pub(super) isolation: String,
    /// With its unit; `0` for none.
    pub(super) idle_timeout: String,
    pub(super) autovacuum: bool,
    pub(super) prepared_max: i32,
    /// What is left for ordinary roles.
    pub(super) connections_max: i32,
    /// Below 0 where there is no limit.
    pub(super) database_connections_max: i32,
    pub(super) role_connections_max: i32,
    pub(super) is_superuser: bool,
    pub(super) connections: i64,
}

impl ServerFacts {
    /// Asks the server.
    pub(super) async fn ask(subject: &Subject<'_>) -> Result<Self, Error> {
        Self::told(&subject.row(&subject.statements.checkup_server).await?)
    }

    fn told(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            version_number: row.try_get("version_number")?,
            version: row.try_get("version")?,
            encoding: row.try_get("encoding")?,
            is_standby: row.try_get("is_standby")?,
            is_read_only: row.try_get("is_read_only")?,
            fsync: row.try_get("fsync")?,
            full_page_writes: row.try_get("full_page_writes")?,
            synchronous_commit: row.try_get("synchronous_commit")?,
            isolation: row.try_get("isolation")?,
            idle_timeout: row.try_get("idle_timeout")?,
            autovacuum: row.try_get("autovacuum")?,
            prepared_max: row.try_get("prepared_max")?,
            connections_max: row.try_get("connections_max")?,
            database_connections_max: row.try_get("database_connections_max")?,
            role_connections_max: row.try_get("role_connections_max")?,
            is_superuser: row.try_get("is_superuser")?,
            connections: row.try_get("connections")?,
        })
    }

    /// How many connections a process of this role can have at most, others left out of account.
    pub(super) fn connections_for_us(&self) -> i32 {
        // A limit of a database or a role does not count for superusers.
        let limits = [self.database_connections_max, self.role_connections_max];
        let limits = limits.into_iter().filter(|limit| *limit >= 0 && !self.is_superuser);
        limits.fold(self.connections_max, i32::min)
    }
}
