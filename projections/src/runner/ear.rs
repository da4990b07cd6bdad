//! Hearing that something changed among runners: a connection that listens, outside of any pool.
//!
//! Guarantees: after every (re)connect LISTEN comes first and a hint follows. While there is no such connection, or a
//! pooler swallows what comes over it, runners look around at every heartbeat.

use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::postgres::{ConnectOptions, SchemaName, connect};
use tokio::sync::Notify;
use tokio_postgres::AsyncMessage;
use tracing::debug;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Listens for ever, and passes each wake-up on.
pub(super) async fn listen(options: ConnectOptions, schema: SchemaName, hints: Arc<Notify>) {
    let mut pause = PAUSE_MIN;
    loop {
        match listen_once(&options, &schema, &hints).await {
            Ok(()) => pause = PAUSE_MIN,
            Err(error) => debug!(error = &*error, "runner cannot listen; it looks around at each heartbeat"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Listens until the connection is lost.
async fn listen_once(
    options: &ConnectOptions,
    schema: &SchemaName,
    hints: &Notify,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut connected = connect(options).await?;
    let listen = format!("listen \"{schema}_runners\"");
    let mut listening = Box::pin(connected.client.batch_execute(&listen));
    loop {
        tokio::select! {
            biased;
            listens = &mut listening => break listens?,
            message = connected.connection.next_message() => match message {
                Some(message) => drop(message?),
                None => return Ok(()),
            },
        }
    }
    hints.notify_one();
    while let Some(message) = connected.connection.next_message().await {
        if let AsyncMessage::Notification(_) = message? {
            hints.notify_one();
        }
    }
    Ok(())
}
