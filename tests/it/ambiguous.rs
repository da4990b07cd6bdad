//! A client that loses its connection after an append was sent learns what became of it, wherever in the
//! protocol the connection breaks.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::StoreConfig;
use annals_eventstore::{
    Append, AppendError, AppendMany, Appended, Cancellation, EventStore, ExpectedVersion, GlobalPosition,
    LogQuery, NewEvent, PostgresStore, ReadError, RecordedEvent, StreamName, StreamQuery, Version,
};

use crate::support::{Cut, Cutter, TestDb, until_waiting};

/// What makes a repetition recognisable, and the stream's version before.
#[derive(Debug, Clone, Copy)]
enum Mode {
    KeyAtAny,
    KeyAtStreamExists,
    NoStream,
    Exact,
    ManyUnderAKey,
    ManyAtVersions,
}

impl Mode {
    const ALL: [Self; 6] = [
        Self::KeyAtAny,
        Self::KeyAtStreamExists,
        Self::NoStream,
        Self::Exact,
        Self::ManyUnderAKey,
        Self::ManyAtVersions,
    ];
}

/// A database, and a store that reaches it through the proxy.
struct Stage {
    db: TestDb,
    cutter: Cutter,
    cut_off: PostgresStore,
}

impl Stage {
    async fn set() -> Result<Self, TestFailure> {
        let db = TestDb::fresh().await?;
        let cutter = Cutter::before(db.url()).await?;
        // Wake-ups would be statements too.
        let config =
            StoreConfig { notify: false, publish_head: None, ..StoreConfig::new(cutter.url().parse()?) };
        let cut_off = PostgresStore::open(config).await?;
        Ok(Self { db, cutter, cut_off })
    }

    /// Sends a fresh append of two events through the proxy; returns its receipt, and its stream.
    async fn send(&self, mode: Mode, name: &str) -> Result<(Appended, StreamName), TestFailure> {
        let stream: StreamName = name.parse()?;
        let append = Append::to(stream.clone(), two()?);
        let many = AppendMany::new().append(stream.clone(), Version::FIRST, two()?);
        if !matches!(mode, Mode::NoStream) {
            self.db.store().append(Append::to(stream.clone(), [NewEvent::new("opened", &())?])).await?;
        }
        let before = self.cutter.statements();
        let other: StreamName = format!("other-{name}").parse()?;
        let receipt = match mode {
            Mode::KeyAtAny => self.cut_off.append(append.with_key(name)).await?,
            Mode::KeyAtStreamExists => {
                let append = append.expecting(ExpectedVersion::StreamExists).with_key(name);
                self.cut_off.append(append).await?
            }
            Mode::NoStream => self.cut_off.append(append.expecting(ExpectedVersion::NoStream)).await?,
            Mode::Exact => self.cut_off.append(append.expecting(Version::FIRST)).await?,
            Mode::ManyUnderAKey => {
                let many = many.append(other, ExpectedVersion::Any, two()?).with_key(name);
                self.cut_off.append_many(many).await?.of(&stream).expect("the stream was given events")
            }
            Mode::ManyAtVersions => {
                let many = many.append(other, ExpectedVersion::NoStream, two()?);
                self.cut_off.append_many(many).await?.of(&stream).expect("the stream was given events")
            }
        };
        assert_eq!(self.cutter.statements() - before, 2, "{mode:?}: sent, and sent again");
        Ok((receipt, stream))
    }

    async fn stored(&self, stream: &StreamName) -> Result<Vec<RecordedEvent>, ReadError> {
        match self.db.store().read_stream(stream, StreamQuery::forward()).await {
            Err(ReadError::StreamNotFound(_)) => Ok(Vec::new()),
            answer => answer,
        }
    }
}

fn two() -> Result<[NewEvent; 2], TestFailure> {
    Ok([NewEvent::new("counted", &1)?, NewEvent::new("counted", &2)?])
}

#[tokio::test]
async fn an_append_that_is_recognised_learns_its_outcome_wherever_it_was_cut() -> TestResult {
    let stage = Stage::set().await?;

    let mut resolved = 0;
    for (number, cut) in Cut::ALL.into_iter().enumerate() {
        for mode in Mode::ALL {
            stage.cutter.cut_next([cut]);
            let (receipt, stream) = stage.send(mode, &format!("{mode:?}-{number}")).await?;

            assert_eq!(receipt.already_applied, cut.is_after_commit(), "{mode:?}, {cut:?}");
            let stored = stage.stored(&stream).await?;
            let last_two = &stored[stored.len() - 2..];
            assert_eq!(stored.len(), if matches!(mode, Mode::NoStream) { 2 } else { 3 }, "{mode:?}, {cut:?}");
            assert_eq!(receipt.from_position, last_two[0].position, "{mode:?}, {cut:?}");
            assert_eq!(receipt.to_position, last_two[1].position, "{mode:?}, {cut:?}");
            assert_eq!(receipt.from_version, last_two[0].version, "{mode:?}, {cut:?}");
            resolved += 1;
        }
    }

    println!("ambiguous: {resolved} of {resolved} appends learned what became of them");
    assert_eq!(resolved, Cut::ALL.len() * Mode::ALL.len());
    Ok(())
}

#[tokio::test]
async fn an_append_that_cannot_be_recognised_is_never_sent_again() -> TestResult {
    let stage = Stage::set().await?;

    let (mut committed, mut lost) = (0, 0);
    for (number, cut) in Cut::ALL.into_iter().enumerate() {
        for expected in [ExpectedVersion::Any, ExpectedVersion::StreamExists] {
            let stream: StreamName = format!("{expected:?}-{number}").parse()?;
            stage.db.store().append(Append::to(stream.clone(), [NewEvent::new("opened", &())?])).await?;
            let before = stage.cutter.statements();

            stage.cutter.cut_next([cut]);
            let append = Append::to(stream.clone(), two()?).expecting(expected);
            let many = AppendMany::new()
                .append(format!("other-{stream}").parse()?, ExpectedVersion::NoStream, two()?)
                .append(stream.clone(), expected, two()?);
            let one = stage.cut_off.append(append).await;
            stage.cutter.cut_next([cut]);
            let several = stage.cut_off.append_many(many).await;

            assert!(
                matches!(&one, Err(AppendError::OutcomeUnknown(named, _)) if *named == stream),
                "{cut:?}: {one:?}"
            );
            assert!(matches!(several, Err(AppendError::OutcomeUnknown(..))), "{cut:?}: {several:?}");
            assert_eq!(stage.cutter.statements() - before, 2, "{cut:?}: each was sent once");
            let stored = stage.stored(&stream).await?.len();
            assert_eq!(stored, if cut.is_after_commit() { 5 } else { 1 }, "{cut:?}");
            *if cut.is_after_commit() { &mut committed } else { &mut lost } += 2;
        }
    }

    println!("ambiguous: of {} unknown outcomes {committed} had committed", committed + lost);
    assert!(committed > 0 && lost > 0);
    Ok(())
}

#[tokio::test]
async fn an_append_that_is_cut_again_and_again_is_stored_once() -> TestResult {
    let stage = Stage::set().await?;
    let stream: StreamName = "account-1".parse()?;
    let cuts =
        [Cut::BeforeSync, Cut::BeforeReadyForQuery, Cut::BeforeExecute, Cut::BeforeDataRow, Cut::BeforeSync];
    let before = stage.cutter.statements();

    stage.cutter.cut_next(cuts);
    let appended = stage.cut_off.append(Append::to(stream.clone(), two()?).with_key("k")).await?;

    assert!(appended.already_applied);
    assert_eq!(stage.cutter.statements() - before, cuts.len() + 1);
    assert_eq!(stage.stored(&stream).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn an_append_whose_version_was_taken_meanwhile_is_told_so() -> TestResult {
    let stage = Stage::set().await?;
    let stream: StreamName = "account-1".parse()?;
    let append = Append::to(stream.clone(), two()?).expecting(ExpectedVersion::NoStream);

    // The first sending is lost, and the way back in is shut until the rival has appended.
    stage.cutter.hold(true);
    stage.cutter.cut_next([Cut::BeforeExecute]);
    let before = stage.cutter.statements();
    let (refused, rival) = tokio::join!(stage.cut_off.append(append), async {
        stage.cutter.until_statements(before + 1).await?;
        let rival = stage.db.store().append(Append::to(stream.clone(), two()?)).await?;
        stage.cutter.hold(false);
        Ok::<_, TestFailure>(rival)
    });

    let rival = rival?;
    let told =
        matches!(&refused, Err(AppendError::WrongVersion { actual, .. }) if *actual == rival.to_version);
    assert!(told, "{refused:?}");
    assert_eq!(stage.stored(&stream).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn an_append_that_still_waits_in_the_server_is_not_stored_twice() -> TestResult {
    let stage = Stage::set().await?;
    let stream: StreamName = "account-1".parse()?;
    stage.db.store().append(Append::to(stream.clone(), two()?)).await?;
    let mut holder = stage.db.connect().await?;
    let observer = stage.db.connect().await?;

    for mode in ["a key", "an exact version"] {
        let transaction = holder.transaction().await?;
        transaction.query("select from annals.streams for update", &[]).await?;
        let version = stage.db.store().stream_info(&stream).await?.version;
        let append = Append::to(stream.clone(), two()?);
        let append = if mode == "a key" { append.with_key(mode) } else { append.expecting(version) };
        stage.cutter.cut_next([Cut::WhenTold]);
        let sending = tokio::spawn({
            let store = stage.cut_off.clone();
            async move { store.append(append).await }
        });
        until_waiting(&observer, 1).await?;
        stage.cutter.cut_now();
        // The server does not notice that the first client is gone: both wait for the row.
        until_waiting(&observer, 2).await?;
        transaction.commit().await?;

        let appended = sending.await??;
        assert_eq!(appended.from_version, version.next(), "{mode}");
        assert!(appended.already_applied, "{mode}: the first sending was first in the queue");
        until_waiting(&observer, 0).await?;
        assert_eq!(stage.stored(&stream).await?.len() as i64, version.get() + 2, "{mode}");
    }
    Ok(())
}

#[tokio::test]
async fn where_the_server_stays_away_the_outcome_stays_unknown() -> TestResult {
    let mut stage = Stage::set().await?;
    let stream: StreamName = "account-1".parse()?;
    let before = stage.cutter.statements();

    stage.cutter.hold(true);
    stage.cutter.cut_next([Cut::BeforeReadyForQuery]);
    let sending = tokio::spawn({
        let (store, append) = (stage.cut_off.clone(), Append::to(stream.clone(), two()?).with_key("k"));
        async move { store.append(append).await }
    });
    stage.cutter.until_statements(before + 1).await?;
    while stage.stored(&stream).await?.is_empty() {
        tokio::task::yield_now().await;
    }
    stage.cutter.go_away().await;
    let unknown = sending.await?;

    assert!(matches!(unknown, Err(AppendError::OutcomeUnknown(..))), "{unknown:?}");
    assert_eq!(stage.stored(&stream).await?.len(), 2, "it had committed");
    Ok(())
}

#[tokio::test]
async fn a_receipt_that_arrived_proves_nothing_before_the_commit() -> TestResult {
    let stage = Stage::set().await?;
    let owner = stage.db.connect().await?;
    let fails_at_commit = "
        create function annals.fail() returns trigger language plpgsql as $$
            begin raise exception 'the commit fails' using errcode = 'XX000'; end $$;
        create constraint trigger fails_at_commit after insert on annals.events
            deferrable initially deferred for each row execute function annals.fail()";
    owner.batch_execute(fails_at_commit).await?;

    let one = stage.cut_off.append(Append::to("account-1".parse()?, two()?).with_key("k")).await;
    let many = AppendMany::new().append("account-1".parse()?, ExpectedVersion::Any, two()?);
    let many = stage.cut_off.append_many(many).await;

    assert!(matches!(one, Err(AppendError::Storage(..))), "{one:?}");
    assert!(matches!(many, Err(AppendError::Storage(..))), "{many:?}");
    let log = stage.db.store().read_log(LogQuery::after(GlobalPosition::START)).await?;
    assert_eq!(log.events.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_cancellation_that_was_cut_is_asked_for_again() -> TestResult {
    let stage = Stage::set().await?;

    for (number, cut) in Cut::ALL.into_iter().enumerate() {
        let key = format!("key {number}");
        stage.cutter.cut_next([cut]);
        assert_eq!(stage.cut_off.cancel_key(key.as_str().into()).await?, Cancellation::Cancelled, "{cut:?}");

        let late = Append::to("account-1".parse()?, two()?).with_key(key.as_str());
        let refused = stage.db.store().append(late).await;
        assert!(matches!(refused, Err(AppendError::KeyCancelled { .. })), "{cut:?}: {refused:?}");
    }
    Ok(())
}
