//! Receiving wake-ups: a connection that listens, outside of any pool.
//!
//! Guarantees: after every (re)connect LISTEN comes first and a hint follows, so that readers look at the log
//! once more and miss nothing that was appended meanwhile. The listener opens no transaction, so it never
//! holds the server's notification queue back.
//!
//! `connecting -> listening -> connecting …`; while it connects, readers poll.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::connect::{ConnectError, ConnectOptions, Connection, connect};
use super::schema::SchemaName;
use crate::wakeup::WakeupSource;

/// How long the connection may be silent before the listener asks whether it still stands.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long the answer may take.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest pause between two attempts to connect.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(5);

/// The listening side: a task that lives until its store is closed.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) options: ConnectOptions,
    pub(super) schema: SchemaName,
    pub(super) hints: WakeupSource,
    pub(super) stop: CancellationToken,
}

impl Listener {
    /// Listens until the store is closed.
    pub(super) async fn run(self) {
        self.stop.run_until_cancelled(self.listen_for_ever()).await;
    }

    async fn listen_for_ever(&self) {
        loop {
            let attempts = ExponentialBuilder::default()
                .with_jitter()
                .with_max_delay(RECONNECT_PAUSE_MAX)
                .without_max_times();
            let (client, connection) = (|| self.connect())
                .retry(attempts)
                .notify(
                    |error, pause| warn!(%error, ?pause, "listener cannot connect; readers poll meanwhile"),
                )
                .await
                .expect("a retry without end has no last error");
            self.receive(client, connection).await;
        }
    }

    /// Connects and listens; whoever waits looks at the log again.
    async fn connect(&self) -> Result<(Client, Connection), ListenError> {
        let connected = connect(&self.options).await?;
        let (client, mut connection) = (connected.client, connected.connection);
        let listen = format!("listen \"{}\"", self.schema);
        tokio::select! {
            listening = client.batch_execute(&listen) => listening?,
            () = drive(&mut connection) => return Err(ListenError::Lost),
        }
        self.hints.wake();
        Ok((client, connection))
    }

    /// Passes hints on until the connection is lost.
    async fn receive(&self, client: Client, mut connection: Connection) {
        loop {
            match tokio::time::timeout(HEARTBEAT, connection.next_message()).await {
                Ok(Some(Ok(AsyncMessage::Notification(_)))) => self.hints.wake(),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => {
                    warn!(%error, "listener lost its connection");
                    return;
                }
                Ok(None) => return,
                Err(_) if self.is_alive(&client, &mut connection).await => {}
                Err(_) => {
                    warn!("listener's connection is silent; connecting anew");
                    return;
                }
            }
        }
    }

    /// Asks the server for a sign of life. Hints that arrive meanwhile are passed on.
    async fn is_alive(&self, client: &Client, connection: &mut Connection) -> bool {
        let answer = client.simple_query("");
        let messages = async {
            while let Some(Ok(message)) = connection.next_message().await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    self.hints.wake();
                }
            }
        };
        tokio::select! {
            answered = tokio::time::timeout(HEARTBEAT_TIMEOUT, answer) => matches!(answered, Ok(Ok(_))),
            () = messages => false,
        }
    }
}

/// Drives a connection until it is lost.
async fn drive(connection: &mut Connection) {
    while let Some(Ok(message)) = connection.next_message().await {
        debug!(?message, "server said something before LISTEN was answered");
    }
}

#[derive(Debug, thiserror::Error)]
enum ListenError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Listen(#[from] tokio_postgres::Error),
    #[error("connection lost before it listened")]
    Lost,
}
