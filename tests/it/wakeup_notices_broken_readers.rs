//! Readers that wait wrongly are noticed: one that does not look when it listens again, one that does not look when
//! it listens first, one that does not poll, one that takes a hint for the event.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{EventStore, GlobalPosition, LogQuery, PostgresStore, WakeupSource, Wakeups};
use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::support::TestDb;

const NEVER: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(30);
/// How long a reader that has missed an event is watched for not finding it after all.
const WATCHED: Duration = Duration::from_millis(500);

/// How a reader waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// It looks whenever it has begun to listen and whenever it is told, and it polls.
    Soundly,
    /// It does not look after it had to connect again.
    WithoutLookingAgain,
    /// It does not look after it has begun to listen.
    WithoutLookingFirst,
    /// It waits for hints alone.
    WithoutPolling,
    /// After a hint it counts everything that was drawn as seen.
    TakingHintsForEvents,
}

/// A reader at work, which counts what it does.
struct Reader {
    waits: Waits,
    url: String,
    hints: WakeupSource,
    seen: watch::Sender<usize>,
    looks: watch::Sender<usize>,
    listening: watch::Sender<usize>,
    tasks: JoinSet<()>,
}

impl Reader {
    /// Begins to read; it does not listen yet.
    fn of(db: &TestDb, waits: Waits, poll_interval: Duration) -> Self {
        let (hints, seen, looks) = (WakeupSource::default(), watch::Sender::new(0), watch::Sender::new(0));
        let mut tasks = JoinSet::new();
        let poll_interval = if waits == Waits::WithoutPolling { NEVER } else { poll_interval };
        let wakeups = hints.subscribe(poll_interval);
        tasks.spawn(follow(db.store(), wakeups, waits, seen.clone(), looks.clone()));
        let url = db.url().to_owned();
        Self { waits, url, hints, seen, looks, listening: watch::Sender::new(0), tasks }
    }

    /// Begins to listen.
    fn listen(&mut self) {
        self.tasks.spawn(listen(self.url.clone(), self.waits, self.hints.clone(), self.listening.clone()));
    }

    /// Tells whether the reader gets the one event that there is.
    async fn gets_the_event(&self) -> bool {
        let patience = if self.waits == Waits::Soundly { SOON } else { WATCHED };
        timeout(patience, at_least(&self.seen, 1)).await.is_ok()
    }
}

/// Returns once a count has come so far.
async fn at_least(count: &watch::Sender<usize>, n: usize) {
    count.subscribe().wait_for(|count| *count >= n).await.expect("the sender is ours");
}

/// Reads what is there, waits, and reads again.
async fn follow(
    store: PostgresStore,
    mut wakeups: Wakeups,
    waits: Waits,
    seen: watch::Sender<usize>,
    looks: watch::Sender<usize>,
) {
    let (mut cursor, mut woken) = (GlobalPosition::START, false);
    loop {
        let page = store.read_log(LogQuery::after(cursor)).await.expect("the log can be read");
        cursor = page.settled_to;
        if woken && waits == Waits::TakingHintsForEvents {
            let client = store.pool().get().await.expect("a connection");
            let drawn = client
                .query_one("select last_value from annals.events_position_seq", &[])
                .await
                .expect("the last position");
            cursor = cursor.max(GlobalPosition::try_from(drawn.get::<_, i64>(0)).expect("a position"));
        }
        seen.send_modify(|seen| *seen += page.events.len());
        looks.send_modify(|looks| *looks += 1);
        wakeups.next().await;
        woken = true;
    }
}

/// Listens for ever, connecting again whenever it is cut off.
async fn listen(url: String, waits: Waits, hints: WakeupSource, listening: watch::Sender<usize>) {
    for attempt in 0.. {
        let (client, mut connection) = tokio_postgres::connect(&url, NoTls).await.expect("a connection");
        let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
        let listen = async {
            client.batch_execute("listen annals").await.expect("the listener listens");
            let skips = match waits {
                Waits::WithoutLookingFirst => attempt == 0,
                Waits::WithoutLookingAgain => attempt > 0,
                _ => false,
            };
            if !skips {
                hints.wake();
            }
            listening.send_modify(|listening| *listening += 1);
            std::future::pending::<()>().await;
        };
        let hear = async {
            while let Some(Ok(message)) = messages.next().await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    hints.wake();
                }
            }
        };
        tokio::select! {
            () = listen => {}
            () = hear => {}
        }
    }
}

const APPEND: &str = "select annals.append('account-1', -2, '[{\"type\": \"noted\", \"data\": 1}]')";

/// 66: an event comes of which the listener learns nothing, and then it is cut off.
async fn cut_off(waits: Waits) -> Result<bool, TestFailure> {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    let mut reader = Reader::of(&db, waits, NEVER);
    reader.listen();
    timeout(SOON, at_least(&reader.listening, 1)).await?;
    timeout(SOON, at_least(&reader.looks, 2)).await?;
    // Nobody is told of an event that was appended in SQL.
    admin.batch_execute(APPEND).await?;
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and query = 'listen annals'";
    admin.batch_execute(cut).await?;
    timeout(SOON, at_least(&reader.listening, 2)).await?;
    Ok(reader.gets_the_event().await)
}

/// 67: an event comes between the first look and LISTEN.
async fn between_look_and_listen(waits: Waits) -> Result<bool, TestFailure> {
    let db = TestDb::fresh().await?;
    let mut reader = Reader::of(&db, waits, NEVER);
    timeout(SOON, at_least(&reader.looks, 1)).await?;
    db.connect().await?.batch_execute(APPEND).await?;
    reader.listen();
    timeout(SOON, at_least(&reader.listening, 1)).await?;
    Ok(reader.gets_the_event().await)
}

/// 68: nobody is told of an event.
async fn without_notify(waits: Waits) -> Result<bool, TestFailure> {
    let db = TestDb::fresh().await?;
    let reader = Reader::of(&db, waits, Duration::from_millis(50));
    timeout(SOON, at_least(&reader.looks, 1)).await?;
    db.connect().await?.batch_execute(APPEND).await?;
    Ok(reader.gets_the_event().await)
}

/// 69: the hint comes before its event can be read, and another one after.
async fn hint_before_event(waits: Waits) -> Result<bool, TestFailure> {
    let db = TestDb::fresh().await?;
    let writer = db.connect().await?;
    let reader = Reader::of(&db, waits, NEVER);
    timeout(SOON, at_least(&reader.looks, 1)).await?;
    writer.batch_execute(&format!("begin; {APPEND}")).await?;
    reader.hints.wake();
    timeout(SOON, at_least(&reader.looks, 2)).await?;
    writer.batch_execute("commit").await?;
    reader.hints.wake();
    Ok(reader.gets_the_event().await)
}

#[tokio::test]
async fn a_reader_that_does_not_look_when_it_listens_again_is_noticed() -> TestResult {
    assert!(cut_off(Waits::Soundly).await?, "a sound reader misses the event");
    assert!(!cut_off(Waits::WithoutLookingAgain).await?);
    Ok(())
}

#[tokio::test]
async fn a_reader_that_does_not_look_when_it_listens_first_is_noticed() -> TestResult {
    assert!(between_look_and_listen(Waits::Soundly).await?, "a sound reader misses the event");
    assert!(!between_look_and_listen(Waits::WithoutLookingFirst).await?);
    Ok(())
}

#[tokio::test]
async fn a_reader_that_does_not_poll_is_noticed() -> TestResult {
    assert!(without_notify(Waits::Soundly).await?, "a sound reader misses the event");
    assert!(!without_notify(Waits::WithoutPolling).await?);
    Ok(())
}

#[tokio::test]
async fn a_reader_that_takes_a_hint_for_its_event_is_noticed() -> TestResult {
    assert!(hint_before_event(Waits::Soundly).await?, "a sound reader misses the event");
    assert!(!hint_before_event(Waits::TakingHintsForEvents).await?);
    Ok(())
}
