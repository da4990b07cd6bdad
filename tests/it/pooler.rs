//! Behind a pooler in transaction mode: one round trip, no state of a session, and the right isolation level; and
//! a pooler that nobody spoke of is recognised.

use std::path::Path;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{
    ConnectOptions, OpenError, PoolOptions, SchemaName, StoreConfig, WakeupState, check_wakeups, connect,
    migrate, schema_status,
};
use annals_eventstore::{
    Append, AppendError, EventStore, ExpectedVersion, GlobalPosition, LogQuery, NewEvent, PostgresStore,
    ReadError, StreamQuery, Subscription, WokenBy,
};
use tokio::time::timeout;
use tokio_postgres::SimpleQueryMessage;

use crate::support::{Cut, Cutter, PooledDb, Pooler, Proxy, TestDb, skipped_without_pooler};

const SOON: Duration = Duration::from_secs(60);

fn noted(stream: &str) -> Result<Append, TestFailure> {
    Ok(Append::to(stream.parse()?, [NewEvent::new("noted", &1)?]))
}

/// Opens a store of one connection that neither sends nor receives wake-ups.
async fn single(connect: ConnectOptions) -> Result<PostgresStore, OpenError> {
    let pool = PoolOptions { max_size: 1, ..PoolOptions::default() };
    PostgresStore::open(StoreConfig { pool, notify: false, publish_head: None, ..StoreConfig::new(connect) })
        .await
}

async fn count(store: &PostgresStore) -> Result<usize, ReadError> {
    Ok(store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len())
}

/// Does something while no answer comes through, until the server has answered it all; fails where more had to be
/// asked then.
async fn in_one_round_trip<T: Send + 'static>(
    proxy: &Proxy,
    answers: usize,
    verb: impl Future<Output = Result<T, TestFailure>> + Send + 'static,
) -> TestResult {
    let before = proxy.ready();
    proxy.mute(true);
    let verb = tokio::spawn(verb);
    timeout(SOON, proxy.until_ready(before + answers)).await??;
    let asked = proxy.asked_bytes();
    proxy.mute(false);
    timeout(SOON, verb).await???;
    assert_eq!(
        (proxy.asked_bytes(), proxy.ready()),
        (asked, before + answers),
        "there was a second question"
    );
    Ok(())
}

async fn round_trips(url: &str, pooled: bool) -> TestResult {
    let proxy = Proxy::before(url).await?;
    let store = single(ConnectOptions::parse(proxy.url())?.behind_pooler(pooled)).await?;
    let answers = if pooled { 3 } else { 1 };
    for is_cold in [true, false] {
        let (writer, reader, follower) = (store.clone(), store.clone(), store.clone());
        let append = async move { Ok(writer.append(noted("account-1")?).await?) };
        let read =
            async move { Ok(reader.read_stream(&"account-1".parse()?, StreamQuery::forward()).await?) };
        let follow = async move { Ok(follower.read_log(LogQuery::after(GlobalPosition::START)).await?) };
        // Where statements are prepared, the first of a kind costs one more.
        if is_cold && !pooled {
            append.await?;
            read.await?;
            follow.await?;
            continue;
        }
        in_one_round_trip(&proxy, answers, append).await?;
        in_one_round_trip(&proxy, answers, read).await?;
        in_one_round_trip(&proxy, answers, follow).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_and_a_read_are_one_round_trip() -> TestResult {
    let db = TestDb::fresh().await?;
    round_trips(db.url(), false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_and_a_read_are_one_round_trip_through_a_pooler() -> TestResult {
    if skipped_without_pooler("pooler::an_append_and_a_read_are_one_round_trip_through_a_pooler") {
        return Ok(());
    }
    let pooled = PooledDb::fresh(2).await?;
    round_trips(&pooled.pooler.url(), true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_share_two_sessions_and_leave_nothing_in_them() -> TestResult {
    if skipped_without_pooler("pooler::many_connections_share_two_sessions_and_leave_nothing_in_them") {
        return Ok(());
    }
    const WRITERS: usize = 16;
    let pooled = PooledDb::fresh(2).await?;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = pooled.store();
        writers.spawn(async move {
            for n in 1..=20 {
                let name = format!("account-{}", writer % 4);
                store.append(noted(&name)?).await?;
                store
                    .append(noted(&format!("own-{writer}"))?.with_key(format!("{writer} {n}").as_str()))
                    .await?;
                store.read_stream(&name.parse()?, StreamQuery::backward().limit(1)).await?;
            }
            Ok::<_, TestFailure>(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }

    assert_eq!(count(&pooled.store()).await?, WRITERS * 40);
    // Both sessions at once, so that each is looked at.
    let mut looked_at = Vec::new();
    let (one, other) = (pooled.pooler.options()?, pooled.pooler.options()?);
    let sessions = [connect(&one).await?.into_client(), connect(&other).await?.into_client()];
    for session in &sessions {
        session.batch_execute("begin").await?;
        let sql = "select pg_backend_pid(), (select count(*) from pg_prepared_statements),
                          (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'),
                          (select count(*) from pg_settings where source = 'session')";
        let answer = session.simple_query(sql).await?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let told = |column| row.and_then(|row| row.get(column)).unwrap_or_default().to_owned();
        assert_eq!([told(1), told(2)], ["0", "0"], "statements and locks of session {}", told(0));
        looked_at.push(told(0));
    }
    assert_ne!(looked_at[0], looked_at[1]);
    Ok(())
}

#[tokio::test]
async fn under_a_default_of_one_snapshot_the_log_is_read_and_written_right() -> TestResult {
    if skipped_without_pooler("pooler::under_a_default_of_one_snapshot_the_log_is_read_and_written_right") {
        return Ok(());
    }
    for level in ["repeatable read", "serializable"] {
        let db = TestDb::fresh().await?;
        let (mut slow, owner) = (db.connect().await?, db.connect().await?);
        let all = "do $$ begin execute format('alter database %I set default_transaction_isolation = %L',
                                              current_database(), 'LEVEL'); end $$";
        owner.batch_execute(&all.replace("LEVEL", level)).await?;
        let pooled = PooledDb::over(db, 20).await?;
        let store = pooled.store();

        let transaction = slow.transaction().await?;
        pooled.db.store().append_in(&transaction, noted("slow-1")?).await?;
        store.append(noted("fast-1")?).await?;
        assert_eq!(count(&store).await?, 0, "{level}: an open append holds the later one back");
        transaction.commit().await?;
        assert_eq!(count(&store).await?, 2, "{level}");
        // At any version they wait for each other, and none is told to begin anew.
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (store, append) = (store.clone(), noted("busy-1")?);
            tasks.spawn(async move { store.append(append).await });
        }
        while let Some(appended) = tasks.join_next().await {
            appended??;
        }
        assert_eq!(count(&store).await?, 22, "{level}");
    }
    Ok(())
}

#[tokio::test]
async fn a_pooler_that_takes_no_settings_is_recognised_when_a_store_is_opened() -> TestResult {
    if skipped_without_pooler("pooler::a_pooler_that_takes_no_settings_is_recognised_when_a_store_is_opened")
    {
        return Ok(());
    }
    let db = TestDb::fresh().await?;
    let pooler = Pooler::before(db.url(), 2, "").await?;

    let refused = PostgresStore::connect(&pooler.url()).await;

    let Err(refused @ OpenError::NeedsPoolerMode(_)) = refused else { panic!("{refused:?}") };
    assert!(refused.to_string().contains("pooler=transaction"), "{refused}");
    let opened = PostgresStore::connect(&format!("{}&pooler=transaction", pooler.url())).await?;
    opened.append(noted("account-1")?).await?;
    Ok(())
}

#[tokio::test]
async fn a_pooler_that_nobody_spoke_of_is_recognised_and_nothing_is_written() -> TestResult {
    if skipped_without_pooler("pooler::a_pooler_that_nobody_spoke_of_is_recognised_and_nothing_is_written") {
        return Ok(());
    }
    let db = TestDb::fresh().await?;
    // It swallows the settings of sessions; statements it does not know.
    let pooler = Pooler::before(db.url(), 2, "ignore_startup_parameters = options").await?;
    let store = single(pooler.url().parse()?).await?;
    store.append(noted("account-1")?).await?;
    count(&store).await?;
    store.stream_info(&"account-1".parse()?).await?;
    let other = connect(&pooler.options()?).await?.into_client();

    // Takes the session that was used last, and with it what was prepared there.
    other.batch_execute("begin").await?;
    let append = store.append(noted("account-1")?).await;
    let read = store.read_log(LogQuery::after(GlobalPosition::START)).await;
    let info = store.stream_info(&"account-1".parse()?).await;

    assert!(matches!(append, Err(AppendError::NeedsPoolerMode(_))), "{append:?}");
    assert!(matches!(read, Err(ReadError::NeedsPoolerMode(_))), "{read:?}");
    assert!(matches!(info, Err(ReadError::NeedsPoolerMode(_))), "{info:?}");
    assert_eq!(count(&db.store()).await?, 1);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_the_pooler_lost_leaves_the_outcome_unknown_or_is_found_out() -> TestResult {
    if skipped_without_pooler(
        "pooler::an_answer_that_the_pooler_lost_leaves_the_outcome_unknown_or_is_found_out",
    ) {
        return Ok(());
    }
    let db = TestDb::fresh().await?;
    for cut in Cut::ALL {
        let cutter = Cutter::before(db.url()).await?;
        let pooler = Pooler::before(cutter.url(), 2, "").await?;
        let store = single(pooler.options()?).await?;
        let stream = format!("{cut:?}-1");

        cutter.cut_next([cut]);
        let unknown = store.append(noted(&stream)?).await;
        let stored = db.store().stream_info(&stream.parse()?).await.map_or(0, |info| info.version.get());
        assert!(matches!(unknown, Err(AppendError::OutcomeUnknown(..))), "{cut:?}: {unknown:?}");
        cutter.cut_next([cut]);
        let keyed = store.append(noted(&stream)?.with_key(stream.as_str())).await?;

        // The connection between pooler and server is what broke; the commit may have been on its way.
        assert_eq!(keyed.to_version.get(), stored + 1, "{cut:?}");
        assert_eq!(db.store().stream_info(&stream.parse()?).await?.version, keyed.to_version, "{cut:?}");
    }
    Ok(())
}

#[tokio::test]
async fn wake_ups_go_out_through_a_pooler_and_come_in_past_it() -> TestResult {
    if skipped_without_pooler("pooler::wake_ups_go_out_through_a_pooler_and_come_in_past_it") {
        return Ok(());
    }
    let pooled = PooledDb::fresh(2).await?;
    let patient = StoreConfig { poll_interval: Duration::from_secs(3600), ..pooled.store().config().clone() };
    let reader = PostgresStore::open(patient.clone()).await?;
    let mut subscription = Subscription::after(reader.clone(), GlobalPosition::START);
    let nothing = timeout(Duration::from_millis(100), subscription.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    timeout(SOON, reader.wakeup_state().wait_for(|state| *state == WakeupState::Listening)).await??;

    pooled.store().append(noted("account-1")?).await?;
    let page = timeout(SOON, subscription.next()).await??;
    assert_eq!((page.woken_by, page.log.events.len()), (WokenBy::Notification, 1));

    // Without a way past the pooler nobody even tries.
    let interval = Duration::from_millis(200);
    let reader =
        PostgresStore::open(StoreConfig { listen: None, poll_interval: interval, ..patient }).await?;
    let mut subscription = Subscription::after(reader.clone(), page.log.settled_to);
    let nothing = timeout(Duration::from_millis(100), subscription.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    pooled.store().append(noted("account-1")?).await?;
    let page = timeout(SOON, subscription.next()).await??;
    assert_eq!((page.woken_by, *reader.wakeup_state().borrow()), (WokenBy::Poll, WakeupState::Off));
    Ok(())
}

#[tokio::test]
async fn listening_through_a_pooler_is_found_to_be_deaf() -> TestResult {
    if skipped_without_pooler("pooler::listening_through_a_pooler_is_found_to_be_deaf") {
        return Ok(());
    }
    let pooled = PooledDb::fresh(2).await?;
    let config = pooled.store().config().clone();
    let through = StoreConfig { listen: Some(pooled.pooler.options()?), ..config.clone() };
    let (past, through) = tokio::join!(check_wakeups(&config), check_wakeups(&through));

    assert_eq!((past?, through?), (WakeupState::Listening, WakeupState::Deaf));
    Ok(())
}

#[tokio::test]
async fn a_schema_is_migrated_and_looked_at_through_a_pooler() -> TestResult {
    if skipped_without_pooler("pooler::a_schema_is_migrated_and_looked_at_through_a_pooler") {
        return Ok(());
    }
    let pooled = PooledDb::fresh(2).await?;
    let (options, schema) = (pooled.pooler.options()?, SchemaName::new("other")?);

    let applied = migrate(&options, &schema).await?.applied.len();
    let again = migrate(&options, &schema).await?.applied.len();
    let status = schema_status(&options, &schema).await?;

    assert!(applied > 0 && again == 0, "{applied} migrations, then {again}");
    assert_eq!(status.fault, None);
    let store = PostgresStore::open(StoreConfig { schema, ..StoreConfig::new(options) }).await?;
    let appended = store.append(noted("account-1")?.expecting(ExpectedVersion::NoStream)).await?;
    assert_eq!(appended.to_version.get(), 1);
    Ok(())
}

#[test]
fn only_one_module_sends_statements_and_names_them() -> TestResult {
    const NAMING: [&str; 6] =
        [".prepare(", ".prepare_cached(", ".query_one(", ".query_opt(", ".query_raw(", ".execute("];
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("eventstore/src/postgres")];
    let (mut faults, mut read) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("send.rs") {
                let source = std::fs::read_to_string(&path)?;
                let named = NAMING.iter().filter(|call| source.contains(**call));
                faults.extend(named.map(|call| format!("{} calls {call}…)", path.display())));
                read += 1;
            }
        }
    }

    assert!(read > 20, "{read} files were read");
    assert!(
        faults.is_empty(),
        "a pooler would mix these up; send them through `send`:\n{}",
        faults.join("\n")
    );
    Ok(())
}
