//! A scrub meets appends, reads, a subscription and other scrubs at each of its steps. Its transaction is held open
//! there by a gate that the test plants where the functions say `gap`; then it goes on and commits, or rolls back.
//!
//! Who appends or reads waits for no scrub, and sees it wholly or not at all; scrubs take turns.
//! Whatever comes between, what a stream no longer shows is removed once, and nothing else is.

use std::sync::Arc;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{
    Append, Cursor, Deletion, EventFilter, EventStore, GlobalPosition, LogQuery, NewEvent, PostgresStore,
    ReadError, RecordedEvent, Scrub, StartAt, StreamQuery, StreamRetention, Tailer, TailerOptions,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::support::{TestDb, until_waiting};

const SOON: Duration = Duration::from_secs(60);

/// The first number of the advisory locks that gates are made of; of two numbers, so no lock of the fence.
const GATES: i32 = 7002;

/// Where a scrub stops, named after what it has done.
#[derive(Debug, Clone, Copy)]
enum Gap {
    Locked = 1,
    Begun,
    KeysGone,
    EventsChosen,
    EventsGone,
}

impl Gap {
    /// The function, and what its source says there.
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Locked, "scrub_stream", "-- gap: between the lock and what it guards"),
        (Self::Begun, "scrub_stream", "-- gap: between the row of the scrub and the keys"),
        (Self::KeysGone, "scrub_stream", "-- gap: between the keys and the events"),
        (Self::EventsChosen, "remove_events", "-- gap: between the events that are chosen and their removal"),
        (Self::EventsGone, "scrub_stream", "-- gap: before a batch is committed"),
    ];
}

/// What others do meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// To the stream that is scrubbed, which begins again.
    Append,
    /// Of an append whose events are going, by its key.
    Repeat,
    AppendElsewhere,
    ReadStream,
    /// A page of the log, from a cursor on an event that is going.
    ReadLog,
    Tombstone,
    Scrub,
    /// Of another stream.
    ScrubElsewhere,
}

impl Act {
    const ALL: [Self; 8] = [
        Self::Append,
        Self::Repeat,
        Self::AppendElsewhere,
        Self::ReadStream,
        Self::ReadLog,
        Self::Tombstone,
        Self::Scrub,
        Self::ScrubElsewhere,
    ];

    /// Whether it waits for the end of the scrub, and what comes of it.
    fn expected(self, commits: bool) -> (bool, &'static str) {
        match self {
            Self::Append => (false, "versions 6 to 6"),
            // The key answers until the commit that takes it away.
            Self::Repeat => (false, "versions 1 to 3 again"),
            Self::AppendElsewhere => (false, "versions 1 to 1"),
            Self::ReadStream => (false, "not found"),
            Self::ReadLog => (false, "events 3 4"),
            Self::Tombstone => (false, "closed"),
            Self::Scrub => (true, if commits { "0 events 0 keys" } else { "5 events 1 keys" }),
            Self::ScrubElsewhere => (true, "2 events 0 keys"),
        }
    }
}

fn noted(events: usize) -> Result<Vec<NewEvent>, TestFailure> {
    Ok((0..events).map(|n| NewEvent::new("noted", &n)).collect::<Result<_, _>>()?)
}

/// A log whose scrubs stop where they are told to.
struct Stage {
    db: TestDb,
    store: PostgresStore,
    /// Holds the gates shut.
    gatekeeper: Client,
    observer: Client,
}

impl Stage {
    async fn set() -> Result<Self, TestFailure> {
        let db = TestDb::fresh().await?;
        let owner = db.connect().await?;
        owner
            .batch_execute(&format!(
                "create schema explorer;
                 grant usage on schema explorer to public;
                 create function explorer.gate(gate integer) returns void language plpgsql as $$
                 begin
                     if current_setting('explorer.stops_at', true) = gate::text then
                         perform pg_advisory_lock_shared({GATES}, gate);
                         perform pg_advisory_unlock_shared({GATES}, gate);
                     end if;
                 end $$"
            ))
            .await?;
        for (gap, function, marker) in Gap::ALL {
            let sql = "select pg_get_functiondef(oid) from pg_proc
                       where proname = $1 and pronamespace = 'annals'::regnamespace";
            let source: String = owner.query_one(sql, &[&function]).await?.get(0);
            assert_eq!(source.matches(marker).count(), 1, "{function} has `{marker}` not once");
            let gate = format!("perform explorer.gate({});", gap as i32);
            owner.batch_execute(&source.replace(marker, &gate)).await?;
        }
        let (gatekeeper, observer) = (db.connect().await?, db.connect().await?);
        Ok(Self { store: db.store(), db, gatekeeper, observer })
    }

    /// A deleted stream of five events, of which three came under a key, and one of two.
    async fn two_deleted_streams(&self, number: usize) -> TestResult {
        let (gone, other) = (format!("gone-{number}"), format!("other-{number}"));
        self.store.append(repeated(number)?).await?;
        self.store.append(Append::to(gone.parse()?, noted(2)?)).await?;
        self.store.append(Append::to(other.parse()?, noted(2)?)).await?;
        self.store.append(Append::to(format!("kept-{number}").parse()?, noted(1)?)).await?;
        for name in [gone, other] {
            self.store.delete_stream(Deletion::of(name.parse()?)).await?;
        }
        Ok(())
    }

    /// Begins a scrub that stops at a gap; returns once it stands there.
    async fn scrub_up_to(&self, gap: Gap, number: usize) -> Result<HeldScrub, TestFailure> {
        self.gatekeeper.execute("select pg_advisory_lock($1, $2)", &[&GATES, &(gap as i32)]).await?;
        let session = Arc::new(self.db.connect().await?);
        session.batch_execute(&format!("set explorer.stops_at = '{}'", gap as i32)).await?;
        let statement = tokio::spawn({
            let session = Arc::clone(&session);
            let sql = format!("begin; select * from annals.scrub_stream('gone-{number}', 'a test')");
            async move { session.batch_execute(&sql).await }
        });
        until_waiting(&self.observer, 1).await?;
        Ok(HeldScrub { gap, session, statement })
    }

    /// Opens the gate, and ends the transaction of the scrub.
    async fn let_end(&self, scrub: HeldScrub, commits: bool) -> TestResult {
        self.gatekeeper.execute("select pg_advisory_unlock($1, $2)", &[&GATES, &(scrub.gap as i32)]).await?;
        scrub.statement.await??;
        Ok(scrub.session.batch_execute(if commits { "commit" } else { "rollback" }).await?)
    }

    /// The events of a stream that the log shows.
    async fn events_of(&self, stream: &str) -> Result<Vec<RecordedEvent>, TestFailure> {
        let all = EventFilter::all().streams([stream.parse()?]);
        let query = LogQuery::after(GlobalPosition::START).wanting(all).limit(100);
        Ok(self.store.read_log(query).await?.events)
    }
}

/// A scrub whose transaction is open.
struct HeldScrub {
    gap: Gap,
    session: Arc<Client>,
    statement: tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>,
}

/// The append that comes first to a stream that goes, and may come again.
fn repeated(number: usize) -> Result<Append, TestFailure> {
    let name = format!("gone-{number}");
    Ok(Append::to(name.parse()?, noted(3)?).with_key(name.as_str()))
}

/// Does something beside a scrub; returns what came of it.
async fn act(store: PostgresStore, act: Act, number: usize, cursor: Cursor) -> Result<String, TestFailure> {
    let (gone, other) = (format!("gone-{number}").parse()?, format!("other-{number}"));
    let appended = |append| async {
        let receipt = store.append(append).await?;
        let again = if receipt.already_applied { " again" } else { "" };
        Ok::<_, TestFailure>(format!("versions {} to {}{again}", receipt.from_version, receipt.to_version))
    };
    let scrubbed = |scrub| async {
        let removed = store.scrub_stream(scrub).await?;
        Ok::<_, TestFailure>(format!("{} events {} keys", removed.events_removed, removed.keys_removed))
    };
    match act {
        Act::Append => appended(Append::to(gone, noted(1)?)).await,
        Act::Repeat => appended(repeated(number)?).await,
        Act::AppendElsewhere => appended(Append::to(format!("new-{number}").parse()?, noted(1)?)).await,
        Act::ReadStream => match store.read_stream(&gone, StreamQuery::forward()).await {
            Err(ReadError::StreamNotFound(_)) => Ok("not found".to_owned()),
            answer => Ok(format!("{} events", answer?.len())),
        },
        Act::ReadLog => {
            let page = store.read_log(LogQuery::going_on(cursor).limit(2)).await?;
            let versions = page.events.iter().map(|event| format!(" {}", event.version));
            Ok(format!("events{}", versions.collect::<String>()))
        }
        Act::Tombstone => {
            let closed = store
                .tombstone_stream(Deletion::of(gone).expecting(annals_eventstore::ExpectedVersion::Any))
                .await?;
            Ok(if closed.already_applied { "closed before" } else { "closed" }.to_owned())
        }
        Act::Scrub => scrubbed(Scrub::of(gone)).await,
        Act::ScrubElsewhere => scrubbed(Scrub::of(other.parse()?)).await,
    }
}

/// Plays one schedule and holds what came of it against what should.
async fn play(stage: &Stage, number: usize, gap: Gap, what: Act, commits: bool) -> TestResult {
    let schedule = format!("{what:?} at {gap:?}, which {}", if commits { "commits" } else { "rolls back" });
    stage.two_deleted_streams(number).await?;
    let gone = format!("gone-{number}");
    let doomed = stage.events_of(&gone).await?;
    let cursor = Cursor { position: doomed[1].position, event_id: Some(doomed[1].id) };
    let positions: Vec<i64> = doomed.iter().map(|event| event.position.into()).collect();

    let scrub = stage.scrub_up_to(gap, number).await?;
    let beside = tokio::spawn(act(stage.store.clone(), what, number, cursor));
    let waits = timeout(SOON, ends_or_waits(&stage.observer, || beside.is_finished())).await??;
    stage.let_end(scrub, commits).await?;
    let came = timeout(SOON, beside).await???;

    assert_eq!((waits, came.as_str()), what.expected(commits), "{schedule}: whether it waited, what came");
    let left = stage.events_of(&gone).await?;
    let (shown, old): (Vec<_>, Vec<_>) = left.into_iter().partition(|event| event.version.get() > 5);
    let removed = commits || what == Act::Scrub;
    assert_eq!(old.len(), if removed { 0 } else { 5 }, "{schedule}: what the stream no longer shows");
    let expected_new = usize::from(what == Act::Append);
    assert_eq!(shown.len(), expected_new, "{schedule}: what came after the deletion");
    // Whatever was left off is gone on with, and each event and key was removed once.
    stage.store.scrub_stream(Scrub::of(gone.parse()?)).await?;
    let told = stage.observer.query_one(REMOVED, &[&gone, &positions]).await?;
    let told: (i64, i64, i64, i64) = (told.get(0), told.get(1), told.get(2), told.get(3));
    assert_eq!(
        told,
        (1, 5, 1, 5),
        "{schedule}: scrubs, events and keys that are told, positions left behind"
    );
    assert_eq!(stage.events_of(&gone).await?.len(), expected_new, "{schedule}: what is shown in the end");
    Ok(())
}

/// What the log says of the scrubs of a stream that came to their end, and how many of some positions are left behind.
const REMOVED: &str = "
    select count(*), coalesce(sum(d.events_removed), 0)::bigint, coalesce(sum(d.keys_removed), 0)::bigint,
        (select count(*) from annals.scrubbed as s where s.position = any ($2))
    from annals.deletions as d
    where d.stream_name = $1 and d.verb = 'scrub' and d.finished_at is not null";

/// Waits until something is done or waits for a lock, beside the one session that does so already; tells which.
async fn ends_or_waits(observer: &Client, is_done: impl Fn() -> bool) -> Result<bool, TestFailure> {
    let sql = "select count(*) from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'";
    loop {
        if is_done() {
            return Ok(false);
        }
        if observer.query_one(sql, &[]).await?.get::<_, i64>(0) == 2 {
            return Ok(true);
        }
    }
}

/// Follows the whole log in small pages while it is scrubbed, up to the position it is told in the end; returns what
/// it got.
async fn follow(
    store: PostgresStore,
    mut end: watch::Receiver<Option<GlobalPosition>>,
) -> Result<Vec<GlobalPosition>, TestFailure> {
    let tailer = Tailer::with_options(store, TailerOptions { page_events: 3, ..TailerOptions::default() });
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    let mut seen = Vec::new();
    loop {
        let is_over = end.borrow_and_update().is_some_and(|end| subscription.position() >= end);
        if is_over {
            return Ok(seen);
        }
        tokio::select! {
            page = subscription.next() => seen.extend(page?.events().map(|event| event.position)),
            told = end.changed() => told?,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_each_step_of_a_scrub_others_append_read_and_scrub_and_everything_is_removed_once() -> TestResult {
    let stage = Stage::set().await?;
    let (tell, end) = watch::channel(None);
    let following = tokio::spawn(follow(stage.store.clone(), end));

    let mut schedules = 0;
    for (gap, ..) in Gap::ALL {
        for what in Act::ALL {
            for commits in [true, false] {
                play(&stage, schedules, gap, what, commits).await?;
                schedules += 1;
            }
        }
    }
    let last = stage.store.append(Append::to("last-1".parse()?, noted(1)?)).await?.to_position;
    tell.send_replace(Some(last));
    let seen = timeout(SOON, following).await???;

    let whole = stage.store.read_log(LogQuery::after(GlobalPosition::START).limit(10_000)).await?.events;
    println!(
        "scrub: {schedules} schedules; {} events are left, a subscription saw {} on its way",
        whole.len(),
        seen.len()
    );
    assert_eq!(schedules, 80);
    assert!(seen.is_sorted_by(|one, next| one < next), "an event came twice, or out of order");
    let missed = whole.iter().filter(|event| seen.binary_search(&event.position).is_err()).count();
    assert_eq!(missed, 0, "events that are left and were not delivered");
    Ok(())
}
