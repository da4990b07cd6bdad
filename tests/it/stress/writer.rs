//! Writers that make one kind of trouble again and again, and those who just append.

use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::{
    Append, AppendError, EventId, EventStore, ExpectedVersion, NewEvent, PostgresStore, Version,
};
use tokio_postgres::error::SqlState;

use super::ground::Ground;
use super::trouble::Trouble;
use crate::support::Dice;

/// Makes one kind of trouble until the time is over, at least once.
pub(super) async fn make_trouble(ground: Arc<Ground>, trouble: Trouble, mut dice: Dice) {
    'sessions: loop {
        let client = ground.connect_at_last().await;
        if let Err(error) = trouble.end_what_was_left(&client).await {
            assert!(is_fate(&error), "{trouble:?}: {error:?}");
            continue;
        }
        while !ground.is_over() || ground.tally.times(trouble.name()) == 0 {
            if let Err(error) = trouble.make(&client, &mut dice, &ground).await {
                assert!(is_fate(&error), "{trouble:?}: {error:?}");
                ground.tally.count("sessions lost");
                continue 'sessions;
            }
            // Bulk loads hold every reader back; there is time for other things in between.
            if trouble == Trouble::TenThousandAppends {
                tokio::time::sleep_until(
                    (tokio::time::Instant::now() + Duration::from_secs(3)).min(ground.until),
                )
                .await;
            }
        }
        return;
    }
}

/// True for what a server does that ends a session, or shuts down, or comes back.
fn is_fate(error: &tokio_postgres::Error) -> bool {
    let fates = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    // Without a code it is the connection that broke.
    error.code().is_none_or(|code| fates.contains(code))
}

/// Appends as an application does: two writers at one stream's known version, so that one has to think again.
pub(super) async fn append_at_known_version(ground: Arc<Ground>, store: PostgresStore, stream: &'static str) {
    let mut known = Version::NONE;
    while !ground.is_over() || ground.tally.times("version conflicts") == 0 {
        let id = EventId::new();
        let event = NewEvent::new("noted", &()).expect("a unit can be written").with_id(id);
        let name = stream.parse().expect("the name of a stream");
        let expected = if known == Version::NONE { ExpectedVersion::NoStream } else { known.into() };
        match store.append(Append::to(name, [event]).expecting(expected)).await {
            Ok(appended) => {
                known = appended.to_version;
                ground.tally.acknowledge([id.as_uuid()]);
                ground.tally.count("appends at a known version");
            }
            Err(AppendError::WrongVersion { actual, .. }) => {
                known = actual;
                ground.tally.withdraw([id.as_uuid()]);
                ground.tally.count("version conflicts");
            }
            Err(error) => {
                assert!(
                    error.is_transient() || matches!(error, AppendError::OutcomeUnknown(..)),
                    "{error:?}"
                );
                ground.tally.count("sessions lost");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
