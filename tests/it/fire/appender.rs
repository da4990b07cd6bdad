//! Appends in a steady rhythm, whatever becomes of the server.

use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::{Append, EventStore, ExpectedVersion, NewEvent};
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::ground::Ground;
use super::hosted::NOTED;

/// Each of them appends to streams of its own.
const APPENDERS: u32 = 10;
const STREAMS: u32 = 8;

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Appended {
    pub(super) answered: u64,
    /// Appends that failed, or of which nobody knows: the server was down.
    pub(super) unanswered: u64,
}

/// Appends so many events a second until it is told to stop.
pub(super) fn append(ground: &Arc<Ground>, a_second: u32, stop: &CancellationToken) -> JoinSet<Appended> {
    let pause = Duration::from_secs(1) * APPENDERS / a_second;
    (0..APPENDERS).map(|appender| append_as(appender, pause, Arc::clone(ground), stop.clone())).collect()
}

async fn append_as(appender: u32, pause: Duration, ground: Arc<Ground>, stop: CancellationToken) -> Appended {
    // What was missed while the server was away is made up for.
    let (mut beats, mut appended) = (interval(pause), Appended::default());
    for number in 0_u32.. {
        if stop.run_until_cancelled(beats.tick()).await.is_none() {
            break;
        }
        let stream = format!("account-{}", appender * STREAMS + number % STREAMS);
        let event = NewEvent::new(NOTED, &number).expect("a number is an event");
        let append = Append::to(stream.parse().expect("it is a name"), [event]);
        match ground.store.append(append.expecting(ExpectedVersion::Any)).await {
            Ok(_) => appended.answered += 1,
            Err(_) => appended.unanswered += 1,
        }
    }
    appended
}

/// Waits for all of them.
pub(super) async fn all(appending: JoinSet<Appended>) -> Appended {
    let sum = |sum: Appended, of: Appended| Appended {
        answered: sum.answered + of.answered,
        unanswered: sum.unanswered + of.unanswered,
    };
    appending.join_all().await.into_iter().fold(Appended::default(), sum)
}
