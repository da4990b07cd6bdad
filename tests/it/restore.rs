//! A log that comes out of a backup: what goes on, what is refused until it is repaired, who is told.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use annals_devdb::{PrivateServer, Profile, Server, TestFailure, TestResult};
use annals_eventstore::postgres::{
    CheckpointError, ClaimedCheckpoint, ConnectOptions, Consumer, OpenError, SchemaName, Slot, SlotError,
    StoreConfig, connect, migrate, repair_log,
};
use annals_eventstore::{
    Append, AppendDecisions, AppendError, AppendMany, Batch, Cursor, Decision, EventFilter, EventHandler,
    EventStore, ExpectedVersion, GlobalPosition, HandlerFuture, LogQuery, NewEvent, Partition, PostgresStore,
    RecordedEvent, StartAt, StopReason, StreamName, Subscription, TailedSubscription, Tailer,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::support::{Ran, TestDb};

const SOON: Duration = Duration::from_secs(30);

/// The rows of the log, as a logical replica has them.
const ROWS: [&str; 6] = [
    "--data-only",
    "--disable-triggers",
    "--table=annals.streams",
    "--table=annals.events",
    "--table=annals.idempotency_keys",
    "--table=annals.scrubbed",
];

/// A server with a log of its own, in a folder of the test's.
struct Place {
    server: PrivateServer,
    folder: PathBuf,
    _ran: Option<Ran>,
}

impl Place {
    async fn empty(name: &str) -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-{name}-{}", std::process::id()));
        let server = Server::private(Profile::Test, &folder, &[]).await?;
        server.server().ensure_database("shop").await?;
        let client = connect(&server.url("shop").parse()?).await?.into_client();
        let ran = Ran::on_server_of(&client).await?;
        Ok(Self { server, folder, _ran: ran })
    }

    async fn with_log(name: &str) -> Result<Self, TestFailure> {
        let place = Self::empty(name).await?;
        migrate(&place.options()?, &SchemaName::default()).await?;
        Ok(place)
    }

    fn options(&self) -> Result<ConnectOptions, TestFailure> {
        Ok(self.server.url("shop").parse()?)
    }

    async fn store(&self) -> Result<PostgresStore, TestFailure> {
        Ok(PostgresStore::open(StoreConfig { notify: false, ..StoreConfig::new(self.options()?) }).await?)
    }

    async fn client(&self) -> Result<Client, TestFailure> {
        Ok(connect(&self.options()?).await?.into_client())
    }

    fn program(&self, name: &str) -> Result<Command, TestFailure> {
        let binaries = self.server.server().binaries().ok_or("a private server has its programs")?;
        Ok(Command::new(binaries.program(name).ok_or_else(|| format!("there is no {name}"))?))
    }

    fn dump(&self, what: &[&str]) -> Result<PathBuf, TestFailure> {
        let file = self.folder.join("shop.dump");
        let mut dump = self.program("pg_dump")?;
        dump.args(["--format=custom", "--file"]).arg(&file).args(what).arg(self.server.url("shop"));
        succeed(dump)?;
        Ok(file)
    }

    fn restore(&self, database: &str, dump: &Path, how: &[&str]) -> TestResult {
        let mut restore = self.program("pg_restore")?;
        restore.args(["--exit-on-error", "--dbname", &self.server.url(database)]).args(how).arg(dump);
        succeed(restore)
    }
}

impl Place {
    /// Restores rows and leaves the sequences where they are: `pg_dump` gives each with its table.
    fn restore_without_sequences(&self, dump: &Path) -> TestResult {
        let listed = self.program("pg_restore")?.arg("--list").arg(dump).output()?;
        let listed = String::from_utf8(listed.stdout)?;
        let rows: Vec<&str> = listed.lines().filter(|line| !line.contains("SEQUENCE SET")).collect();
        assert_eq!(listed.lines().count() - rows.len(), 2, "positions and streams are numbered");
        let list = self.folder.join("rows.list");
        std::fs::write(&list, rows.join("\n"))?;
        self.restore("shop", dump, &["--data-only", "--use-list", &list.to_string_lossy()])
    }

    /// Puts an older backup in the place of the log, under whoever reads it, and appends where they have been.
    async fn go_back_to(&self, backup: &Path) -> TestResult {
        let options: ConnectOptions = self.server.url("postgres").parse()?;
        let admin = connect(&options).await?.into_client();
        admin.batch_execute("create database restored").await?;
        self.restore("restored", backup, &[])?;
        // What comes now stands where the reader has been.
        let restored = connect(&self.server.url("restored").parse()?).await?.into_client();
        for _ in 0..3 {
            let sql = "select annals.append('account-1', -2, '[{\"type\": \"noted\", \"data\": 1}]')";
            restored.query(sql, &[]).await?;
        }
        drop(restored);
        let sessions = "select count(*) from pg_stat_activity where datname = 'restored'";
        while admin.query_one(sessions, &[]).await?.get::<_, i64>(0) > 0 {
            tokio::task::yield_now().await;
        }
        admin.batch_execute("drop database shop with (force)").await?;
        admin.batch_execute("alter database restored rename to shop").await?;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The server may still write while it goes; what is left then is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn succeed(mut program: Command) -> TestResult {
    let output = program.output()?;
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn noted(count: usize) -> Result<Vec<NewEvent>, TestFailure> {
    Ok((0..count).map(|n| NewEvent::new("noted", &n)).collect::<Result<_, _>>()?)
}

async fn append(store: &PostgresStore, stream: &str, count: usize) -> Result<GlobalPosition, TestFailure> {
    Ok(store.append(Append::to(stream.parse()?, noted(count)?)).await?.to_position)
}

async fn whole_log(store: &PostgresStore) -> Result<Vec<RecordedEvent>, TestFailure> {
    Ok(store.read_log(LogQuery::after(GlobalPosition::START)).await?.events)
}

/// Reads until an event, and returns how many came.
async fn read_to(
    subscription: &mut TailedSubscription<PostgresStore>,
    end: GlobalPosition,
) -> Result<usize, TestFailure> {
    let mut events = 0;
    while subscription.position() < end {
        events += timeout(SOON, subscription.next()).await??.events().count();
    }
    Ok(events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_restored_into_a_younger_cluster_keeps_order_and_visibility_and_goes_on() -> TestResult
{
    let (old, young) = (Place::with_log("old").await?, Place::empty("young").await?);
    let (store, client) = (old.store().await?, old.client().await?);
    for _ in 0..300 {
        client.simple_query("select pg_current_xact_id()").await?;
    }
    for n in 0..20 {
        append(&store, &format!("account-{}", n % 3), 1 + n % 2).await?;
    }
    let before = whole_log(&store).await?;
    let cursor = cursor_of(&before);

    young.restore("shop", &old.dump(&[])?, &[])?;

    let xid = "select pg_current_xact_id()::text::bigint";
    let in_the_dump: i64 = client.query_one(xid, &[]).await?.get(0);
    let (restored, mut writer) = (young.store().await?, young.client().await?);
    let now: i64 = writer.query_one(xid, &[]).await?.get(0);
    assert!(now < in_the_dump, "the cluster is not younger: {now}, {in_the_dump}");
    assert_eq!((whole_log(&restored).await?, restored.lineage()), (before.clone(), store.lineage()));

    let tailer = Tailer::of(restored.clone());
    let mut subscription = tailer.subscribe(StartAt::Cursor(cursor), EventFilter::all()).await?;
    let slow = writer.transaction().await?;
    let slow_append = Append::to("account-0".parse()?, noted(1)?);
    restored.append_in(&slow, slow_append).await?;
    let fast = append(&restored, "account-1", 1).await?;
    let held_back = restored.read_log(LogQuery::going_on(cursor)).await?;
    slow.commit().await?;

    assert_eq!((held_back.events.len(), held_back.settled_to), (0, cursor.position));
    assert_eq!(read_to(&mut subscription, fast).await?, 2);
    Ok(())
}

fn cursor_of(events: &[RecordedEvent]) -> Cursor {
    let last = events.last().expect("the log has events");
    Cursor { position: last.position, event_id: Some(last.id) }
}

/// Every way in which events get into a log; returns what each of them answered.
async fn every_append(
    store: &PostgresStore,
) -> Result<Vec<(&'static str, Option<AppendError>)>, TestFailure> {
    let (known, new): (StreamName, StreamName) = ("account-0".parse()?, "fresh-1".parse()?);
    let at = store.stream_info(&known).await?.version;
    let mut answers = Vec::new();
    for events in [1, 2] {
        let append = |stream: &StreamName| Ok::<_, TestFailure>(Append::to(stream.clone(), noted(events)?));
        answers.push(("append", store.append(append(&known)?).await.err()));
        answers.push(("append_at", store.append(append(&known)?.expecting(at)).await.err()));
        let first = append(&new)?.expecting(ExpectedVersion::NoStream);
        answers.push(("append_first", store.append(first).await.err()));
        answers.push((
            "append_keyed",
            store.append(append(&known)?.with_key(format!("{events}").as_str())).await.err(),
        ));
        let both = AppendMany::new().append(known.clone(), ExpectedVersion::Any, noted(events)?).append(
            new.clone(),
            ExpectedVersion::Any,
            noted(events)?,
        );
        answers.push(("append_many", store.append_many(both).await.err()));
        let decided = AppendDecisions::to(known.clone(), at).then(Decision::of(noted(events)?));
        answers.push(("append_decisions", store.append_decisions(decided).await.err()));
        let mut client = store.pool().get().await?;
        let transaction = client.transaction().await?;
        answers.push(("append_in", store.append_in(&transaction, append(&known)?).await.err()));
    }
    Ok(answers)
}

fn all_need_repair(answers: &[(&str, Option<AppendError>)]) {
    assert_eq!(answers.len(), 14);
    for (path, answer) in answers {
        assert!(matches!(answer, Some(AppendError::NeedsRepair(_))), "{path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_of_the_rows_alone_takes_no_event_before_it_is_repaired() -> TestResult {
    let (old, new) = (Place::with_log("rows").await?, Place::with_log("replica").await?);
    let store = old.store().await?;
    for n in 0..9 {
        append(&store, &format!("account-{n}"), 2).await?;
    }
    let before = whole_log(&store).await?;
    // Opened while the log was sound, one of them as behind a pooler.
    let direct = new.store().await?;
    let pooled = StoreConfig { notify: false, ..StoreConfig::new(new.options()?.behind_pooler(true)) };
    let pooled = PostgresStore::open(pooled).await?;
    new.restore_without_sequences(&old.dump(&ROWS)?)?;

    for store in [&direct, &pooled] {
        all_need_repair(&every_append(store).await?);
    }
    let in_sql = "select annals.append('sql-1', -2, '[{\"type\": \"noted\", \"data\": 1}]')";
    let refused = new.client().await?.query(in_sql, &[]).await.expect_err("the log needs repair");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("LG009"));
    let opened = PostgresStore::open(StoreConfig::new(new.options()?)).await;
    assert!(matches!(opened, Err(OpenError::NeedsRepair { .. })), "{:?}", opened.err());
    // Nothing came behind a reader, and nothing is shown that could still have something come before it.
    assert_eq!(whole_log(&direct).await?.len(), 0);

    repair_log(&new.options()?, &SchemaName::default()).await?;

    let mut reader = Subscription::after(direct.clone(), GlobalPosition::START);
    assert_eq!(timeout(SOON, reader.next()).await??.log.events, before);
    // A stream that is new gets a number that is not in use.
    assert!(append(&new.store().await?, "fresh-2", 1).await? > reader.position());
    for (path, answer) in every_append(&direct).await? {
        let is_only_late = matches!(answer, None | Some(AppendError::WrongVersion { .. }));
        assert!(is_only_late, "{path}: {answer:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_under_a_running_subscription_stops_it() -> TestResult {
    let place = Place::with_log("older").await?;
    let store = place.store().await?;
    append(&store, "account-1", 3).await?;
    let backup = place.dump(&[])?;
    let end = append(&store, "account-1", 2).await?;
    let tailer = store.tailer();
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    assert_eq!(read_to(&mut subscription, end).await?, 5);
    let handle = subscription.handle();
    let reading = tokio::spawn(async move { subscription.next().await });

    place.go_back_to(&backup).await?;

    let ended = timeout(SOON, reading).await??;
    assert!(matches!(ended, Err(StopReason::Diverged(_))), "{ended:?}");
    assert!(matches!(handle.stopped().await, StopReason::Diverged(_)));
    Ok(())
}

/// Counts the events that it is given.
struct Counting(watch::Sender<usize>);

impl EventHandler for Counting {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        Box::pin(async move {
            self.0.send_modify(|count| *count += batch.events.len());
            Ok(())
        })
    }
}

/// The slot of a projection whose read model is in another database than the log.
async fn slot_elsewhere(
    store: &PostgresStore,
    elsewhere: &TestDb,
    counted: &watch::Sender<usize>,
) -> Result<Slot<Counting>, TestFailure> {
    let pool = elsewhere.store().pool().clone();
    let consumer = Consumer { name: "counting".to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(store, &pool, consumer, Partition::default()).await?;
    Ok(Slot::new(store, pool, checkpoint, Counting(counted.clone()), Box::new(|_| true)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_under_a_running_projection_stops_it_and_it_does_not_start_again() -> TestResult {
    let (place, elsewhere) = (Place::with_log("older-projection").await?, TestDb::fresh().await?);
    let store = place.store().await?;
    append(&store, "account-1", 3).await?;
    let backup = place.dump(&[])?;
    append(&store, "account-1", 2).await?;
    let counted = watch::Sender::default();
    let slot = slot_elsewhere(&store, &elsewhere, &counted).await?;
    let mut progress = slot.progress();
    let running = tokio::spawn(slot.run(CancellationToken::new()));
    timeout(SOON, counted.subscribe().wait_for(|count| *count == 5)).await??;
    // The batch is committed.
    let end = whole_log(&store).await?[4].position;
    timeout(SOON, progress.wait_for(|position| *position == end)).await??;

    place.go_back_to(&backup).await?;

    let stopped = timeout(SOON, running).await??;
    assert!(matches!(stopped, Err(SlotError::Subscription(StopReason::Diverged(_)))), "{stopped:?}");
    let again = slot_elsewhere(&place.store().await?, &elsewhere, &counted).await?;
    let stopped = timeout(SOON, again.run(CancellationToken::new())).await?;
    assert!(matches!(stopped, Err(SlotError::Subscription(StopReason::Diverged(_)))), "{stopped:?}");
    assert_eq!(*counted.borrow(), 5, "an event of another log was applied");
    Ok(())
}

#[tokio::test]
async fn a_checkpoint_in_another_database_notices_that_the_log_was_repaired_and_one_beside_it_goes_on()
-> TestResult {
    let (log, elsewhere) = (TestDb::fresh().await?, TestDb::fresh().await?);
    let store = log.store();
    append(&store, "account-1", 3).await?;
    let end = cursor_of(&whole_log(&store).await?);
    let (beside, other) = (store.pool().clone(), elsewhere.store().pool().clone());
    let consumer = || Consumer { name: "mails".to_owned(), version: 1 };
    for pool in [&beside, &other] {
        let claimed = ClaimedCheckpoint::claim(&store, pool, consumer(), Partition::default()).await?;
        let mut client = pool.get().await?;
        let transaction = client.transaction().await?;
        claimed.advance(&transaction, end).await?;
        transaction.commit().await?;
    }

    let options: ConnectOptions = log.url().parse()?;
    repair_log(&options, &SchemaName::default()).await?;
    let restored = PostgresStore::open(StoreConfig::new(options)).await?;

    assert_ne!(restored.lineage(), store.lineage());
    let goes_on = ClaimedCheckpoint::claim(&restored, &beside, consumer(), Partition::default()).await?;
    assert_eq!(goes_on.checkpoint().cursor(), end);
    let stops = ClaimedCheckpoint::claim(&restored, &other, consumer(), Partition::default()).await;
    assert!(matches!(stops, Err(CheckpointError::Diverged { .. })), "{stops:?}");
    Ok(())
}

#[tokio::test]
async fn a_checkpoint_on_an_event_that_was_scrubbed_goes_on_after_a_repair_and_one_on_a_strange_event_does_not()
-> TestResult {
    let db = TestDb::fresh().await?;
    let (store, owner) = (db.store(), db.connect().await?);
    append(&store, "account-1", 2).await?;
    append(&store, "gone-1", 1).await?;
    let scrubbed = cursor_of(&whole_log(&store).await?);
    let strange = Cursor { event_id: Some(annals_eventstore::EventId::new()), ..scrubbed };
    let consumer = |name: &str| Consumer { name: name.to_owned(), version: 1 };
    for (name, at) in [("scrubbed", scrubbed), ("strange", strange)] {
        let claimed =
            ClaimedCheckpoint::claim(&store, store.pool(), consumer(name), Partition::default()).await?;
        let mut client = store.pool().get().await?;
        let transaction = client.transaction().await?;
        claimed.advance(&transaction, at).await?;
        transaction.commit().await?;
    }
    owner.query("select annals.delete_stream('gone-1')", &[]).await?;
    let done: bool = owner.query_one("select done from annals.scrub_stream('gone-1')", &[]).await?.get(0);
    assert!(done && whole_log(&store).await?.len() == 2);

    let options: ConnectOptions = db.url().parse()?;
    repair_log(&options, &SchemaName::default()).await?;
    let repaired = PostgresStore::open(StoreConfig::new(options)).await?;
    let claim =
        |name| ClaimedCheckpoint::claim(&repaired, repaired.pool(), consumer(name), Partition::default());

    assert_eq!(claim("scrubbed").await?.checkpoint().cursor(), scrubbed);
    let stops = claim("strange").await;
    assert!(matches!(stops, Err(CheckpointError::Diverged { .. })), "{stops:?}");
    Ok(())
}

#[tokio::test]
async fn a_sequence_that_is_altered_is_noticed_and_mended() -> TestResult {
    let db = TestDb::fresh().await?;
    let (owner, options): (_, ConnectOptions) = (db.connect().await?, db.url().parse()?);
    append(&db.store(), "account-1", 1).await?;
    for alteration in ["cache 5", "cycle", "increment by -1", "restart with 1"] {
        owner.batch_execute(&format!("alter sequence annals.events_position_seq {alteration}")).await?;

        let refused = PostgresStore::open(StoreConfig::new(options.clone())).await;
        assert!(matches!(refused, Err(OpenError::NeedsRepair { .. })), "{alteration}: {:?}", refused.err());
        let sql = "select annals.append('account-1', -2, '[{\"type\": \"noted\", \"data\": 1}]')";
        let refused = db.connect().await?.query(sql, &[]).await.expect_err(alteration);
        assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("LG009"), "{alteration}");

        repair_log(&options, &SchemaName::default()).await?;
        append(&PostgresStore::open(StoreConfig::new(options.clone())).await?, "account-1", 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_sequence_that_is_set_back_under_a_session_fills_no_hole_behind_readers() -> TestResult {
    let db = TestDb::fresh().await?;
    let (owner, mut session) = (db.connect().await?, db.connect().await?);
    let append = "select * from annals.append('account-1', -2, '[{\"type\": \"noted\", \"data\": 1}]')";
    let one_event = "select annals.append_event('account-1', -2, gen_random_uuid(), 'noted', 1, '1', null)";
    session.query(append, &[]).await?;
    let undone = session.transaction().await?;
    undone.query(append, &[]).await?;
    undone.rollback().await?;
    session.query(append, &[]).await?;
    let seen = whole_log(&db.store()).await?;
    assert_eq!(seen.iter().map(|event| i64::from(event.position)).collect::<Vec<_>>(), [1, 3]);

    owner.batch_execute("select setval('annals.events_position_seq', 1)").await?;

    // More often than it would take to get past the last event.
    for _ in 0..4 {
        // The plain append of one event asks once a session.
        let another = db.connect().await?;
        for (session, sql) in [(&session, append), (&another, one_event)] {
            let refused = session.query(sql, &[]).await.expect_err("position 2 is behind readers");
            assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("LG009"), "{sql}");
        }
    }
    let stored = "select count(*), count(*) filter (where position = 2) from annals.events";
    let stored = owner.query_one(stored, &[]).await?;
    assert_eq!((stored.get::<_, i64>(0), stored.get::<_, i64>(1)), (2, 0));
    // Readers see what is below the last position drawn, and nothing that is new to them.
    assert_eq!(whole_log(&db.store()).await?, seen[..1]);
    Ok(())
}

#[tokio::test]
async fn positions_that_sessions_keep_in_reserve_are_refused_once_another_has_drawn() -> TestResult {
    let db = TestDb::fresh().await?;
    let (owner, one, other) = (db.connect().await?, db.connect().await?, db.connect().await?);
    let one_event = "select annals.append_event($1, -2, gen_random_uuid(), 'noted', 1, '1', null)";
    let several =
        "select annals.append($1, -2, '[{\"type\": \"a\", \"data\": 1}, {\"type\": \"b\", \"data\": 1}]')";
    for session in [&one, &other] {
        session.query(one_event, &[&"account-1"]).await?;
    }
    owner.batch_execute("alter sequence annals.events_position_seq cache 20").await?;
    one.query(one_event, &[&"account-1"]).await?;
    other.query(one_event, &[&"account-2"]).await?;

    let refused = one.query(several, &[&"account-1"]).await.expect_err("the position was kept in reserve");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("LG009"));
    let another = db.connect().await?;
    let refused =
        another.query(one_event, &[&"account-1"]).await.expect_err("sessions keep positions in reserve");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("LG009"));
    Ok(())
}
