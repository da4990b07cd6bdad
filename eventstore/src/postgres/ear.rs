//! A connection that listens: to the log's wake-ups, and to an echo of its own.
//!
//! Guarantees: whatever it waits for while it does something else, wake-ups that arrive are passed on.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client};
use tracing::debug;
use uuid::Uuid;

use super::connect::{ConnectError, ConnectOptions, Connection, connect};
use super::schema::SchemaName;
use crate::telemetry::WAKEUPS_RECEIVED;
use crate::wakeup::WakeupSource;

/// How long the server may take to answer, echo included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection on which LISTEN has been answered.
#[derive(Debug)]
pub(super) struct Ear {
    client: Client,
    connection: Connection,
    /// A channel that nobody else listens to.
    echo: String,
    hints: WakeupSource,
}

/// What came of a notification to oneself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    /// It arrived.
    Heard,
    /// It could not be sent, which says nothing about the connection that listens.
    Unsent,
    /// It did not arrive in time.
    Unheard,
    /// The connection that listens is lost, or silent altogether.
    Lost,
}

impl Ear {
    /// Connects and listens.
    pub(super) async fn open(
        options: &ConnectOptions,
        schema: &SchemaName,
        hints: WakeupSource,
    ) -> Result<Self, ListenError> {
        let connected = connect(options).await?;
        let echo = format!("annals_echo_{}", Uuid::now_v7().simple());
        let listen = format!("listen \"{schema}\"; listen \"{echo}\"");
        let mut ear = Self { client: connected.client, connection: connected.connection, echo, hints };
        let listening = ear.client.batch_execute(&listen);
        tokio::select! {
            listening = listening => listening?,
            () = drive(&mut ear.connection) => return Err(ListenError::Lost),
            () = tokio::time::sleep(ANSWER_TIMEOUT) => return Err(ListenError::Silent),
        }
        Ok(ear)
    }

    /// Waits for the next message, and passes a wake-up on. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<(), ListenError> {
        receive(&mut self.connection, &self.hints).await.map(drop)
    }

    /// Sends a notification from another connection: a pooler that gives each transaction to any server
    /// connection would carry one of our own back with the answer, and none ever after.
    pub(super) async fn test(&mut self, options: &ConnectOptions) -> Echo {
        let notify = self.notify();
        let send = async {
            let client = connect(options).await?.into_client();
            Ok(client.batch_execute(&notify).await?)
        };
        match echo(&mut self.connection, &self.hints, &self.echo, send).await {
            Echo::Unheard if !self.is_answered().await => Echo::Lost,
            outcome => outcome,
        }
    }

    /// Tells whether the server answers on this connection at all.
    async fn is_answered(&mut self) -> bool {
        let answer = self.client.simple_query("");
        tokio::select! {
            answer = answer => answer.is_ok(),
            () = drive(&mut self.connection) => false,
            () = tokio::time::sleep(ANSWER_TIMEOUT) => false,
        }
    }

    /// Sends a notification to itself.
    pub(super) async fn heartbeat(&mut self) -> Echo {
        let notify = self.notify();
        let send = async { Ok(self.client.batch_execute(&notify).await?) };
        echo(&mut self.connection, &self.hints, &self.echo, send).await
    }

    fn notify(&self) -> String {
        // Nothing is lost when a crash takes it back, so nobody waits for the disk.
        format!("set local synchronous_commit = off; notify \"{}\"", self.echo)
    }
}

/// Waits for an echo while it is being sent.
async fn echo(
    connection: &mut Connection,
    hints: &WakeupSource,
    channel: &str,
    send: impl Future<Output = Result<(), ListenError>>,
) -> Echo {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    let mut send = pin!(send);
    let mut is_sent = false;
    loop {
        tokio::select! {
            sent = &mut send, if !is_sent => match sent {
                Ok(()) => is_sent = true,
                Err(error) => {
                    debug!(%error, "echo could not be sent");
                    return if error.is_answer() { Echo::Unsent } else { Echo::Lost };
                }
            },
            heard = receive(connection, hints) => match heard {
                Ok(Some(heard)) if heard == channel => return Echo::Heard,
                Ok(_) => {}
                Err(_) => return Echo::Lost,
            },
            () = tokio::time::sleep_until(deadline) => {
                return if is_sent { Echo::Unheard } else { Echo::Lost };
            }
        }
    }
}

/// Waits for the next message; returns the channel of a notification. Any but an echo is a wake-up.
async fn receive(connection: &mut Connection, hints: &WakeupSource) -> Result<Option<String>, ListenError> {
    match connection.next_message().await {
        Some(Ok(AsyncMessage::Notification(notification))) => {
            if !notification.channel().starts_with("annals_echo_") {
                WAKEUPS_RECEIVED.count(());
                hints.wake();
            }
            Ok(Some(notification.channel().to_owned()))
        }
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(error.into()),
        None => Err(ListenError::Lost),
    }
}

/// Drives a connection until it is lost.
async fn drive(connection: &mut Connection) {
    while let Some(Ok(message)) = connection.next_message().await {
        debug!(?message, "server said something while it was asked");
    }
}

/// Why there is no connection that listens. Nothing was written; readers poll.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server refused LISTEN or NOTIFY; a hot standby refuses both.
    #[error("server refused to listen")]
    Server(#[from] tokio_postgres::Error),
    /// The connection broke. Try again.
    #[error("connection lost before it listened")]
    Lost,
    /// The connection stands and nothing comes over it. Try again.
    #[error("LISTEN was not answered in time")]
    Silent,
}

impl ListenError {
    /// True where the server is a hot standby, on which nobody can LISTEN.
    pub(super) fn is_standby(&self) -> bool {
        match self {
            Self::Server(error) => error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION),
            _ => false,
        }
    }

    /// True where a connection was refused or the server itself said no: the one that listens may be well.
    fn is_answer(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Server(error) => error.as_db_error().is_some(),
            Self::Lost | Self::Silent => false,
        }
    }
}
