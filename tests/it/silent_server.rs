//! A server that goes without a word: what is sent is taken, nothing is answered, nothing is closed. Each call ends
//! within a time that is known, says what may have been written, and the next one has another connection.

use std::time::{Duration, Instant};

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{Consumer, HeldLease, Leases, OpenError, PoolOptions, StoreConfig};
use annals_eventstore::{
    Append, AppendError, AppendMany, Batch, EventStore, ExpectedVersion, GlobalPosition, HandlerError,
    LogQuery, NewEvent, Partition, PostgresStore, ReadError, RunnerId, StreamQuery, Subscription,
};
use annals_projections::{Progress, Projection, Runner, RunnerOptions};

use crate::support::{Proxy, TestDb};

/// Longer than any answer takes on a machine that is busy with other tests.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// More than what a call may take on a slow machine, and far less than for ever.
const AT_ONCE: Duration = Duration::from_secs(60);

/// A database, and a store whose only connection goes through the proxy, open and used already.
struct Stage {
    db: TestDb,
    proxy: Proxy,
    store: PostgresStore,
}

impl Stage {
    async fn set() -> Result<Self, TestFailure> {
        let db = TestDb::fresh().await?;
        let proxy = Proxy::before(db.url()).await?;
        let config = StoreConfig {
            pool: PoolOptions { max_size: 1, wait_timeout: Some(AT_ONCE) },
            notify: false,
            publish_head: None,
            answer_timeout: Some(ANSWER_TIMEOUT),
            ..StoreConfig::new(proxy.url().parse()?)
        };
        let store = PostgresStore::open(config).await?;
        Ok(Self { db, proxy, store })
    }

    /// The connection that there is goes silent, with every statement prepared that is sent below; the next one will
    /// be well.
    async fn silence(&self, used: &str) -> TestResult {
        self.store.append(noted(used)?.expecting(ExpectedVersion::NoStream)).await?;
        self.store.append(noted(used)?).await?;
        self.store.append(noted(used)?.with_key(used)).await?;
        self.store.append_many(many()?).await?;
        self.store.read_log(LogQuery::after(GlobalPosition::START)).await?;
        self.store.read_stream(&used.parse()?, StreamQuery::forward()).await?;
        assert_eq!(self.store.pool().status().available, 1, "a connection is open and waits in the pool");
        self.proxy.stall();
        Ok(())
    }

    async fn events_of(&self, stream: &str) -> Result<usize, TestFailure> {
        match self.db.store().read_stream(&stream.parse()?, StreamQuery::forward()).await {
            Err(ReadError::StreamNotFound(_)) => Ok(0),
            events => Ok(events?.len()),
        }
    }
}

fn noted(stream: &str) -> Result<Append, TestFailure> {
    Ok(Append::to(stream.parse()?, [NewEvent::new("noted", &1)?]))
}

fn many() -> Result<AppendMany, TestFailure> {
    Ok(AppendMany::new().append("many-1".parse()?, ExpectedVersion::Any, [NewEvent::new("noted", &1)?]))
}

/// Runs a call to its end; it must take the whole limit, and not much more.
async fn bounded<T>(call: impl Future<Output = T>) -> Result<T, TestFailure> {
    let began = Instant::now();
    let answer = tokio::time::timeout(AT_ONCE, call).await?;
    let took = began.elapsed();
    println!("silent: an answer after {took:?}, the limit is {ANSWER_TIMEOUT:?}");
    assert!(took >= ANSWER_TIMEOUT, "it was not waited for: {took:?}");
    Ok(answer)
}

#[tokio::test]
async fn an_append_over_a_connection_that_fell_silent_is_unknown_within_the_limit() -> TestResult {
    let stage = Stage::set().await?;

    stage.silence("used-1").await?;
    let one = bounded(stage.store.append(noted("account-1")?)).await?;
    assert!(
        matches!(&one, Err(AppendError::OutcomeUnknown(stream, _)) if stream.as_str() == "account-1"),
        "{one:?}"
    );
    // The connection was given up: the same call goes over another one.
    stage.silence("used-2").await?;
    let several = bounded(stage.store.append_many(many()?)).await?;
    assert!(matches!(several, Err(AppendError::OutcomeUnknown(..))), "{several:?}");

    stage.store.append(noted("account-1")?).await?;
    assert_eq!(stage.events_of("account-1").await?, 1, "what was swallowed was not written");
    Ok(())
}

#[tokio::test]
async fn an_append_that_is_recognised_is_stored_once_over_another_connection() -> TestResult {
    let stage = Stage::set().await?;
    let recognised = [
        ("keyed-1", noted("keyed-1")?.with_key("once")),
        ("first-1", noted("first-1")?.expecting(ExpectedVersion::NoStream)),
    ];

    for (stream, append) in recognised {
        stage.silence(&format!("used-{stream}")).await?;
        let appended = bounded(stage.store.append(append)).await??;
        assert!(!appended.already_applied);
        assert_eq!(stage.events_of(stream).await?, 1);
    }
    Ok(())
}

/// The server has stored it, and its answer does not arrive.
#[tokio::test]
async fn an_append_whose_answer_is_swallowed_is_found_where_it_is_recognised() -> TestResult {
    let stage = Stage::set().await?;

    stage.store.append(noted("keyed-1")?.with_key("before")).await?;
    stage.proxy.mute(true);
    let ready = stage.proxy.ready();
    let (appended, done) =
        tokio::join!(bounded(stage.store.append(noted("keyed-1")?.with_key("once"))), async {
            stage.proxy.until_ready(ready + 1).await?;
            stage.proxy.stall();
            // What was held back stays so: its connection is stalled.
            stage.proxy.mute(false);
            Ok::<_, TestFailure>(())
        });
    done?;

    assert!(appended??.already_applied);
    assert_eq!(stage.events_of("keyed-1").await?, 2);
    Ok(())
}

#[tokio::test]
async fn reads_over_a_connection_that_fell_silent_are_unavailable_within_the_limit() -> TestResult {
    let stage = Stage::set().await?;

    stage.silence("used-4").await?;
    let log = bounded(stage.store.read_log(LogQuery::after(GlobalPosition::START))).await?;
    assert!(matches!(&log, Err(ReadError::Unavailable(_))), "{log:?}");
    assert!(log.is_err_and(|error| error.is_transient()));
    stage.silence("used-5").await?;
    let stream = bounded(stage.store.read_stream(&"used-5".parse()?, StreamQuery::forward())).await?;
    assert!(matches!(stream, Err(ReadError::Unavailable(_))), "{stream:?}");

    assert_eq!(stage.store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len(), 8);
    Ok(())
}

#[tokio::test]
async fn a_subscription_goes_on_over_another_connection() -> TestResult {
    let stage = Stage::set().await?;
    let mut subscription = Subscription::after(stage.store.clone(), GlobalPosition::START);

    stage.silence("used-6").await?;
    stage.db.store().append(noted("account-1")?).await?;
    let page = loop {
        match tokio::time::timeout(AT_ONCE, subscription.next()).await? {
            Err(error) if error.is_transient() => {}
            page => break page?,
        }
    };

    assert_eq!(page.log.events.len(), 5);
    assert_eq!(page.log.events[4].stream.as_str(), "account-1");
    Ok(())
}

#[tokio::test]
async fn a_log_is_not_opened_over_a_connection_that_falls_silent_and_that_is_no_fault_of_the_schema()
-> TestResult {
    let db = TestDb::fresh().await?;
    let proxy = Proxy::before(db.url()).await?;
    let config = StoreConfig {
        notify: false,
        answer_timeout: Some(ANSWER_TIMEOUT),
        ..StoreConfig::new(proxy.url().parse()?)
    };
    let ready = proxy.ready();
    let (opened, silent) = tokio::join!(bounded(PostgresStore::open(config)), async {
        // The session has begun; what is asked now is not answered.
        proxy.until_ready(ready + 1).await?;
        proxy.stall();
        Ok::<_, TestFailure>(())
    });
    silent?;

    let refused = opened?.err();
    assert!(matches!(refused, Some(OpenError::Unavailable(_))), "{refused:?}");
    Ok(())
}

/// Each step of a lease comes to its end, says that it may be tried again, and the next one has another connection.
#[tokio::test]
async fn leases_over_a_connection_that_fell_silent_are_tried_again_over_another_one() -> TestResult {
    let stage = Stage::set().await?;
    let leases = Leases::of(&stage.store, stage.store.pool().clone());
    let (runner, term, slot) = (RunnerId::new(), Duration::from_secs(300), Partition::default());
    let consumer = Consumer { name: "silent".to_owned(), version: 1 };
    leases.register(&consumer, 1, None).await?;
    let mut silenced = 0;
    macro_rules! step {
        ($call:expr) => {{
            stage.silence(&format!("used-lease-{silenced}")).await?;
            let overdue = bounded($call).await?;
            assert!(matches!(&overdue, Err(error) if error.is_transient()), "{}: {overdue:?}", stringify!($call));
            silenced += 1;
            $call.await?
        }};
    }

    assert_eq!(step!(leases.register(&consumer, 1, None)).len(), 1);
    assert_eq!(step!(leases.list(&consumer)).len(), 1);
    let claimed = step!(leases.take(&consumer, slot, runner, term)).ok_or("it is free")?;
    let held = HeldLease { consumer: consumer.clone(), partition: slot, epoch: claimed.epoch() };
    assert_eq!(step!(leases.renew(runner, term)), std::slice::from_ref(&held));
    assert!(step!(leases.stop(&held, "for a test")), "what was swallowed was not carried out");
    step!(leases.release(runner, std::slice::from_ref(&held)));
    println!("{silenced} steps over a connection that fell silent");
    assert_eq!(silenced, 6);
    Ok(())
}

/// A runner whose connections fall silent, all of them, renews its leases over others and goes on.
#[tokio::test]
async fn a_runner_whose_connections_fall_silent_goes_on_over_others() -> TestResult {
    let stage = Stage::set().await?;
    let config =
        StoreConfig { answer_timeout: Some(ANSWER_TIMEOUT), ..StoreConfig::new(stage.proxy.url().parse()?) };
    let store = PostgresStore::open(config).await?;
    let options = RunnerOptions { lease: ANSWER_TIMEOUT / 2, ..RunnerOptions::default() };
    let runner = Runner::new(&store).options(options).host(|| Noted).start().await?;
    let consumer = Consumer { name: Noted::NAME.to_owned(), version: Noted::VERSION };
    let progress = Progress::of(&stage.db.store(), stage.db.store().pool().clone(), consumer);
    let first = stage.db.store().append(noted("a-1")?).await?.to_position;
    progress.wait_for(first, None, AT_ONCE).await?;

    stage.proxy.stall();
    let second = stage.db.store().append(noted("a-1")?).await?.to_position;
    progress.wait_for(second, None, AT_ONCE).await?;

    let sum: i64 = stage.db.connect().await?.query_one("select count(*) from noted", &[]).await?.get(0);
    assert_eq!(sum, 2);
    runner.stop().await;
    Ok(())
}

/// Writes a row an event.
struct Noted;

impl Projection for Noted {
    const NAME: &'static str = "noted";
    const TABLES: &'static str = "create table if not exists noted (position bigint primary key)";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        let positions: Vec<i64> = batch.events.iter().map(|event| event.position.into()).collect();
        let sql = "insert into noted select unnest($1::bigint[])";
        batch.transaction.execute(sql, &[&positions]).await?;
        Ok(())
    }
}
