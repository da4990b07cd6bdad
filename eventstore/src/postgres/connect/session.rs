//! What kind of server a session must be on: libpq's `target_session_attrs`.

use tokio_postgres::SimpleQueryMessage;

use super::connection::Connected;
use super::conninfo::Pairs;
use super::error::InvalidConnectOptions;

/// libpq's `target_session_attrs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionTarget {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// What a server says about itself.
#[derive(Debug, Clone, Copy)]
struct ServerState {
    standby: bool,
    read_only: bool,
}

impl SessionTarget {
    /// Takes its option out of a connection string.
    pub(super) fn take(pairs: &mut Pairs) -> Result<Self, InvalidConnectOptions> {
        Ok(match pairs.take("target_session_attrs").as_deref() {
            None | Some("any") => Self::Any,
            Some("read-write") => Self::ReadWrite,
            Some("read-only") => Self::ReadOnly,
            Some("primary") => Self::Primary,
            Some("standby") => Self::Standby,
            Some("prefer-standby") => Self::PreferStandby,
            Some(_) => {
                let kinds = "any, read-write, read-only, primary, standby or prefer-standby";
                return Err(InvalidConnectOptions::value("target_session_attrs", kinds));
            }
        })
    }

    /// What to ask of the hosts, one round after the other.
    pub(super) fn rounds(self) -> &'static [Self] {
        match self {
            Self::Any => &[Self::Any],
            Self::ReadWrite => &[Self::ReadWrite],
            Self::ReadOnly => &[Self::ReadOnly],
            Self::Primary => &[Self::Primary],
            Self::Standby => &[Self::Standby],
            Self::PreferStandby => &[Self::Standby, Self::Any],
        }
    }

    /// The word of the connection string.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }

    /// Tells whether a fresh session is of this kind.
    pub(super) async fn accepts(self, connected: &mut Connected) -> Result<bool, tokio_postgres::Error> {
        if self == Self::Any {
            return Ok(true);
        }
        let state = match reported_state(connected) {
            Some(state) => state,
            None => asked_state(connected).await?,
        };
        Ok(match self {
            Self::Any | Self::PreferStandby => true,
            Self::ReadWrite => !state.read_only,
            Self::ReadOnly => state.read_only,
            Self::Primary => !state.standby,
            Self::Standby => state.standby,
        })
    }
}

/// A server says it unasked when a session begins; a pooler before it may not.
fn reported_state(connected: &Connected) -> Option<ServerState> {
    let on = |name| connected.connection.parameter(name).map(|value| value == "on");
    let standby = on("in_hot_standby")?;
    Some(ServerState { standby, read_only: on("default_transaction_read_only")? || standby })
}

async fn asked_state(connected: &mut Connected) -> Result<ServerState, tokio_postgres::Error> {
    const QUESTION: &str = "select pg_is_in_recovery(), current_setting('transaction_read_only')::boolean";
    let answer = connected.connection.alongside(connected.client.simple_query(QUESTION)).await?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let is_true = |column| row.and_then(|row| row.get(column)) == Some("t");
    Ok(ServerState { standby: is_true(0), read_only: is_true(1) })
}
