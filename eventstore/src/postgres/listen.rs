//! Receiving wake-ups: a connection that listens, outside of any pool.
//!
//! Guarantees
//! - after every (re)connect LISTEN comes first and a hint follows, so that readers look at the log once more
//!   and miss nothing that was appended meanwhile;
//! - a connection counts only once a notification sent from elsewhere has arrived on it: behind a pooler in
//!   transaction mode none does, which is said once, and readers poll;
//! - a silent connection is made to notify itself; one that does not hear it is replaced;
//! - the listener opens no transaction, so it never holds the server's notification queue back.
//!
//! ```text
//! connecting -> tested -> listening <-> mute (the server takes no NOTIFY)
//!                      -> deaf (a pause)
//!            -> standby (a pause)
//! all of them -> connecting …
//! ```
//!
//! While it does not listen, readers poll.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::connect::ConnectOptions;
use super::ear::{Ear, Echo, ListenError};
use super::schema::SchemaName;
use super::wakeup_state::WakeupState;
use crate::telemetry::{
    ConnectOutcome, LISTENER_CONNECTED, LISTENER_CONNECTS, LISTENER_LOSSES, Loss, Mode, PAUSES, Pause,
    WAKEUP_MODE,
};
use crate::wakeup::WakeupSource;

/// The longest pause between two attempts to connect.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long LISTEN is given up for where the server refuses it or notifications do not arrive.
const DEAF_PAUSE: Duration = Duration::from_secs(60);

/// What is said once on a standby.
const STANDBY: &str = "nobody can LISTEN on a standby; readers poll. Give a connection to the primary for it";

/// What is said once where LISTEN is answered and nothing arrives.
const DEAF: &str = "LISTEN does not deliver here, as behind a pooler in transaction mode; readers poll. \
                    Give a direct connection for it";

/// The listening side: a task that lives until its store is closed.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) options: ConnectOptions,
    pub(super) schema: SchemaName,
    pub(super) hints: WakeupSource,
    /// Told to whoever asks whether wake-ups arrive.
    pub(super) state: watch::Sender<WakeupState>,
    /// How long the connection may be silent before it has to prove that it still stands.
    pub(super) heartbeat: Duration,
    pub(super) stop: CancellationToken,
}

/// Says that the listener is connected, and how wake-ups come, until it is dropped.
struct Connected;

impl Connected {
    fn begin() -> Self {
        LISTENER_CONNECTED.set((), 1.0);
        Self
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        LISTENER_CONNECTED.set((), 0.0);
        mode(Mode::Poll);
    }
}

/// Tells how readers learn that the log has grown.
fn mode(mode: Mode) {
    for each in [Mode::Listen, Mode::Poll] {
        WAKEUP_MODE.set(each, if each == mode { 1.0 } else { 0.0 });
    }
}

impl Listener {
    /// Listens until the store is closed.
    pub(super) async fn run(self) {
        mode(Mode::Poll);
        self.stop.run_until_cancelled(self.listen_for_ever()).await;
    }

    async fn listen_for_ever(&self) {
        let (mut was_deaf, mut was_standby) = (false, false);
        loop {
            let Some(mut ear) = self.connect().await else {
                self.state.send_replace(WakeupState::Standby);
                if !std::mem::replace(&mut was_standby, true) {
                    info!("{STANDBY}");
                }
                tokio::time::sleep(DEAF_PAUSE).await;
                continue;
            };
            was_standby = false;
            let connected = Connected::begin();
            match ear.test(&self.options).await {
                echo @ (Echo::Heard | Echo::Unsent) => {
                    if std::mem::take(&mut was_deaf) {
                        info!("wake-ups arrive again");
                    }
                    self.stands(echo);
                    LISTENER_LOSSES.count(self.receive(ear).await);
                }
                Echo::Unheard => {
                    drop(ear);
                    LISTENER_LOSSES.count(Loss::Deaf);
                    drop(connected);
                    self.state.send_replace(WakeupState::Deaf);
                    if !std::mem::replace(&mut was_deaf, true) {
                        warn!("{DEAF}");
                    }
                    tokio::time::sleep(DEAF_PAUSE).await;
                }
                Echo::Lost => {
                    LISTENER_LOSSES.count(Loss::Lost);
                    warn!("listener lost its connection before it was tested");
                }
            }
        }
    }

    /// Connects and listens, as often as it takes; then whoever waits looks at the log again. None on a standby.
    async fn connect(&self) -> Option<Ear> {
        self.state.send_replace(WakeupState::Connecting);
        let attempts = ExponentialBuilder::default()
            .with_jitter()
            .with_max_delay(RECONNECT_PAUSE_MAX)
            .without_max_times();
        let ear = (|| Ear::open(&self.options, &self.schema, self.hints.clone()))
            .retry(attempts)
            .when(|error| !error.is_standby())
            .notify(|error: &ListenError, pause| {
                LISTENER_CONNECTS.count(ConnectOutcome::Failed);
                PAUSES.count(Pause::Listener);
                let error = error as &dyn std::error::Error;
                warn!(error, ?pause, "listener cannot connect; readers poll meanwhile");
            })
            .await
            .ok()?;
        LISTENER_CONNECTS.count(ConnectOutcome::Connected);
        self.hints.wake();
        Some(ear)
    }

    /// Passes hints on until the connection is lost; tells how.
    async fn receive(&self, mut ear: Ear) -> Loss {
        loop {
            match tokio::time::timeout(self.heartbeat, ear.next()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    warn!(error = &error as &dyn std::error::Error, "listener lost its connection");
                    return Loss::Lost;
                }
                Err(_) => match ear.heartbeat().await {
                    echo @ (Echo::Heard | Echo::Unsent) => self.stands(echo),
                    Echo::Unheard | Echo::Lost => {
                        warn!("listener's connection is silent; connecting anew");
                        return Loss::Silent;
                    }
                },
            }
        }
    }

    /// Notes that the connection stands, and says it where the server takes no notification over it.
    fn stands(&self, echo: Echo) {
        debug!(?echo, "listener's connection stands");
        let now = if echo == Echo::Heard { WakeupState::Listening } else { WakeupState::Mute };
        mode(if now.readers_poll() { Mode::Poll } else { Mode::Listen });
        if self.state.send_replace(now) != now && now == WakeupState::Mute {
            warn!("server refuses NOTIFY; readers poll");
        }
    }
}
