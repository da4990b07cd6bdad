//! Who holds the fence: the open appends that readers of the log may have to wait for.
//!
//! Leaves to others: since when this process knows of them, and telling somebody (`fence_watch`).

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_postgres::{Error, Row};

use super::fault::{read_error, unsent_read};
use super::session::Session;
use crate::position::GlobalPosition;
use crate::read::ReadError;

/// A transaction that has appended to the log and is still open. Readers are given nothing that lies behind its mark.
///
/// An open append is nothing unusual: every one is, for as long as it takes. One that stays open lets every reader
/// wait.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FenceBlocker {
    /// Its mark: what lies behind this position is held back.
    pub holds_back_after: GlobalPosition,
    /// Its virtual transaction, as in the column of `pg_locks`: what tells it apart from others.
    pub virtual_transaction: String,
    /// Who can end it.
    pub holder: FenceHolder,
    /// When it began or, if it is prepared, was prepared. Unknown where the asking role may not see it
    /// (`pg_read_all_stats`).
    pub since: Option<DateTime<Utc>>,
    /// For how long that was when it was asked for, by the server's clock.
    pub open_for: Option<Duration>,
}

/// Who can end a transaction that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FenceHolder {
    /// A session of the server.
    Session {
        /// The process of the server.
        pid: i32,
        /// The role that is logged in.
        user: Option<String>,
        /// What the session calls itself.
        application_name: Option<String>,
        /// What it does, as in `pg_stat_activity`: `active`, `idle in transaction`. Unknown where the asking role
        /// may not see it.
        state: Option<String>,
    },
    /// Nobody before somebody commits it or rolls it back: it is prepared.
    Prepared {
        /// Its name; unknown when it was ended meanwhile.
        gid: Option<String>,
        /// The role that prepared it.
        owner: Option<String>,
    },
}

impl FenceBlocker {
    /// Returns what to do should it stay open, in a sentence.
    pub fn advice(&self) -> String {
        match &self.holder {
            FenceHolder::Session { pid, .. } => {
                format!(
                    "let its application end the transaction, or end it: select pg_terminate_backend({pid})"
                )
            }
            FenceHolder::Prepared { gid: Some(gid), .. } => {
                let gid = gid.replace('\'', "''");
                format!(
                    "end it by what its coordinator decided: commit prepared '{gid}' or rollback prepared '{gid}'"
                )
            }
            FenceHolder::Prepared { gid: None, .. } => {
                "look for it in pg_prepared_xacts, and end it by what its coordinator decided".to_owned()
            }
        }
    }

    fn told(row: &Row) -> Result<Self, Error> {
        let pid: Option<i32> = row.try_get("pid")?;
        let holder = match pid {
            Some(pid) => FenceHolder::Session {
                pid,
                user: row.try_get("user_name")?,
                application_name: row.try_get("application_name")?,
                state: row.try_get("state")?,
            },
            None => FenceHolder::Prepared { gid: row.try_get("gid")?, owner: row.try_get("owner_name")? },
        };
        let open_seconds: Option<f64> = row.try_get("open_seconds")?;
        Ok(Self {
            holds_back_after: GlobalPosition::recorded(row.try_get("mark")?),
            virtual_transaction: row.try_get("virtualtransaction")?,
            holder,
            since: row.try_get("since")?,
            open_for: open_seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
        })
    }
}

impl FenceHolder {
    /// Returns the process of a session.
    pub fn pid(&self) -> Option<i32> {
        match self {
            Self::Session { pid, .. } => Some(*pid),
            Self::Prepared { .. } => None,
        }
    }

    /// Returns the name of a prepared transaction.
    pub fn gid(&self) -> Option<&str> {
        match self {
            Self::Prepared { gid, .. } => gid.as_deref(),
            Self::Session { .. } => None,
        }
    }
}

impl fmt::Display for FenceHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { pid, user, application_name, state } => {
                write!(f, "session {pid}")?;
                let known =
                    [application_name, user, state].into_iter().flatten().filter(|text| !text.is_empty());
                let known: Vec<&str> = known.map(String::as_str).collect();
                if known.is_empty() { Ok(()) } else { write!(f, " ({})", known.join(", ")) }
            }
            Self::Prepared { gid: Some(gid), .. } => write!(f, "prepared transaction {gid:?}"),
            Self::Prepared { gid: None, .. } => f.write_str("a prepared transaction"),
        }
    }
}

/// Lists the open appends, the lowest mark first.
pub(super) async fn fence_blockers(session: &Session) -> Result<Vec<FenceBlocker>, ReadError> {
    let client = session.client().await.map_err(unsent_read)?;
    let rows = session.manner.query(&client, &session.statements.fence_blockers, &[]).await;
    blockers(&rows.map_err(read_error)?).map_err(read_error)
}

/// Reads rows of `fence_blockers.sql`.
pub(super) fn blockers(rows: &[Row]) -> Result<Vec<FenceBlocker>, Error> {
    rows.iter().map(FenceBlocker::told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(gid: &str) -> FenceBlocker {
        FenceBlocker {
            holds_back_after: GlobalPosition::START,
            virtual_transaction: "3/7".to_owned(),
            holder: FenceHolder::Prepared { gid: Some(gid.to_owned()), owner: None },
            since: None,
            open_for: None,
        }
    }

    #[test]
    fn the_name_of_a_prepared_transaction_is_quoted_where_it_is_to_be_typed() {
        let blocker = prepared("o'clock");
        assert_eq!(blocker.holder.to_string(), "prepared transaction \"o'clock\"");
        assert!(blocker.advice().ends_with("rollback prepared 'o''clock'"), "{}", blocker.advice());
    }

    #[test]
    fn a_session_is_told_by_what_is_known_of_it() {
        let session = |application_name: Option<&str>, state: Option<&str>| FenceHolder::Session {
            pid: 7,
            user: Some("shop".to_owned()),
            application_name: application_name.map(str::to_owned),
            state: state.map(str::to_owned),
        };
        assert_eq!(session(Some("till"), Some("active")).to_string(), "session 7 (till, shop, active)");
        assert_eq!(session(Some(""), None).to_string(), "session 7 (shop)");
    }
}
