//! What has become of wake-ups at a store: whether they arrive, and if not, why readers poll.
//!
//! ```text
//! unstarted -> connecting -> listening <-> mute
//!                         -> deaf (a pause) -> connecting …
//!                         -> standby (a pause) -> connecting …
//!              listening, mute -> connecting …
//! off
//! ```

use std::fmt;

use super::config::StoreConfig;
use super::connect::ConnectOptions;
use super::ear::{Ear, Echo, ListenError};
use crate::wakeup::WakeupSource;

/// Whether wake-ups arrive at the readers of a store.
///
/// It comes from the store's listener, which tests every connection of its own; see
/// [`PostgresStore::wakeup_state`](crate::postgres::PostgresStore::wakeup_state). Whatever it says, readers look at
/// the log once per poll interval, so that it tells about latency and never about lost events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WakeupState {
    /// The store was told to do without (`notify`), or stands behind a pooler and was given no direct connection
    /// to listen on (`listen`). Readers poll.
    Off,
    /// No reader has asked for wake-ups yet, so nobody listens.
    Unstarted,
    /// The listener has no connection. Readers poll meanwhile.
    Connecting,
    /// Wake-ups arrive: one of our own has come back.
    Listening,
    /// LISTEN was answered, and no notification came back: a pooler in transaction mode swallows them. Readers
    /// poll; give a direct connection.
    Deaf,
    /// The server is a hot standby, on which nobody can LISTEN. Readers poll; give a connection to the primary
    /// (`listen`) to have them woken.
    Standby,
    /// The server refuses NOTIFY, as with a full notification queue (54000): look for a session that listens and
    /// is idle in a transaction. Readers poll meanwhile.
    Mute,
}

impl WakeupState {
    /// True where an append elsewhere reaches readers only by their polling.
    pub fn readers_poll(self) -> bool {
        !matches!(self, Self::Listening)
    }

    /// Returns the state as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Unstarted => "unstarted",
            Self::Connecting => "connecting",
            Self::Listening => "listening",
            Self::Deaf => "deaf",
            Self::Standby => "standby",
            Self::Mute => "mute",
        }
    }
}

impl fmt::Display for WakeupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Finds out whether wake-ups would arrive at a store that is set up so: listens, and sends itself a notification
/// from another connection.
///
/// Needs no schema and writes nothing. Takes up to ten seconds where nothing arrives.
///
/// # Errors
///
/// [`ListenError`]: nobody could listen, so nothing is known about notifications.
pub async fn check_wakeups(config: &StoreConfig) -> Result<WakeupState, ListenError> {
    let Some(options) = listen_options(config) else { return Ok(WakeupState::Off) };
    let mut ear = match Ear::open(&options, &config.schema, WakeupSource::default()).await {
        Err(error) if error.is_standby() => return Ok(WakeupState::Standby),
        ear => ear?,
    };
    match ear.test(&options).await {
        Echo::Heard => Ok(WakeupState::Listening),
        Echo::Unsent => Ok(WakeupState::Mute),
        Echo::Unheard => Ok(WakeupState::Deaf),
        Echo::Lost => Err(ListenError::Lost),
    }
}

/// Where a store listens; nowhere, where it is to do without.
pub(super) fn listen_options(config: &StoreConfig) -> Option<ConnectOptions> {
    let direct = config.listen.as_ref().or((!config.connect.is_pooled()).then_some(&config.connect));
    direct.filter(|_| config.notify).cloned()
}
