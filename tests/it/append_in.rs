//! Appends inside of a caller's own transaction: they share its fate, savepoints included, and what stands in
//! its way is a typed error with nothing written.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{
    Append, AppendError, AppendMany, EventStore, ExpectedVersion, GlobalPosition, LogQuery, NewEvent,
    PostgresStore, ReadError, StreamQuery, Version,
};
use tokio_postgres::{Error, IsolationLevel};

use crate::support::{TestDb, until_waiting};

fn noted(n: i64) -> Result<NewEvent, TestFailure> {
    Ok(NewEvent::new("noted", &n)?)
}

fn append(stream: &str, n: i64) -> Result<Append, TestFailure> {
    Ok(Append::to(stream.parse()?, [noted(n)?]))
}

/// Every event in the log: its stream, its version, what it notes.
async fn log(store: &PostgresStore) -> Result<Vec<(String, i64, String)>, ReadError> {
    let page = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    let told = |event: &annals_eventstore::RecordedEvent| {
        (event.stream.to_string(), event.version.get(), event.data.as_str().to_owned())
    };
    Ok(page.events.iter().map(told).collect())
}

fn entry(stream: &str, version: i64, n: i64) -> (String, i64, String) {
    (stream.to_owned(), version, n.to_string())
}

#[tokio::test]
async fn appends_in_a_transaction_are_invisible_before_its_commit_and_gone_with_its_rollback() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);

    for commits in [false, true] {
        let transaction = client.transaction().await?;
        store.append_in(&transaction, append("account-1", 1)?).await?;
        let many = AppendMany::new()
            .append("account-2".parse()?, ExpectedVersion::NoStream, [noted(2)?])
            .append("account-1".parse()?, Version::FIRST, [noted(3)?]);
        store.append_many_in(&transaction, many).await?;

        assert_eq!(log(&store).await?, [], "before the end of the transaction");
        let read = store.read_stream(&"account-2".parse()?, StreamQuery::forward()).await;
        assert!(matches!(read, Err(ReadError::StreamNotFound(_))), "{read:?}");
        if commits {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
            assert_eq!(log(&store).await?, [], "after the rollback");
        }
    }

    let stored = [entry("account-1", 1, 1), entry("account-2", 1, 2), entry("account-1", 2, 3)];
    assert_eq!(log(&store).await?, stored, "after the commit");
    Ok(())
}

#[tokio::test]
async fn a_savepoint_rolled_back_takes_its_appends_away_and_the_next_one_is_right_again() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);

    let mut transaction = client.transaction().await?;
    store.append_in(&transaction, append("account-1", 1)?).await?;
    let savepoint = transaction.savepoint("first").await?;
    store.append_in(&savepoint, append("account-1", 10)?.with_key("k")).await?;
    store.append_in(&savepoint, append("account-2", 11)?).await?;
    savepoint.rollback().await?;

    // Versions, the new stream and the key are as if nothing had been; so is the fence.
    let same_key = append("account-1", 2)?.with_key("k").expecting(Version::FIRST);
    let second = store.append_in(&transaction, same_key).await?;
    let created = append("account-2", 3)?.expecting(ExpectedVersion::NoStream);
    store.append_in(&transaction, created).await?;
    let savepoint = transaction.savepoint("second").await?;
    store.append_in(&savepoint, append("account-1", 4)?).await?;
    savepoint.commit().await?;
    let other = store.append(append("other-1", 5)?).await?;
    assert!(!second.already_applied);
    assert_eq!(log(&store).await?, [], "the open transaction holds back what was appended since");
    transaction.commit().await?;

    let stored = [
        entry("account-1", 1, 1),
        entry("account-1", 2, 2),
        entry("account-2", 1, 3),
        entry("account-1", 3, 4),
        entry("other-1", 1, 5),
    ];
    assert_eq!(log(&store).await?, stored);
    assert!(other.from_position > second.to_position);
    Ok(())
}

#[tokio::test]
async fn a_savepoint_whose_append_was_the_first_leaves_the_next_one_fenced() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);

    let mut transaction = client.transaction().await?;
    let savepoint = transaction.savepoint("first").await?;
    store.append_in(&savepoint, append("account-1", 1)?).await?;
    savepoint.rollback().await?;
    store.append_in(&transaction, append("account-1", 2)?).await?;
    store.append(append("other-1", 3)?).await?;

    let page = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    assert!(page.events.is_empty(), "{:?} was delivered before an open append below it", page.events);
    transaction.commit().await?;
    assert_eq!(log(&store).await?, [entry("account-1", 1, 2), entry("other-1", 1, 3)]);
    Ok(())
}

#[tokio::test]
async fn a_refused_append_leaves_the_transaction_usable_behind_a_savepoint() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);

    let mut transaction = client.transaction().await?;
    store.append_in(&transaction, append("account-1", 1)?).await?;
    let savepoint = transaction.savepoint("refused").await?;
    let many = AppendMany::new().append("account-0".parse()?, ExpectedVersion::Any, [noted(2)?]).append(
        "account-1".parse()?,
        ExpectedVersion::NoStream,
        [noted(3)?],
    );
    let refused = store.append_many_in(&savepoint, many).await;
    savepoint.rollback().await?;
    store.append_in(&transaction, append("account-1", 4)?.expecting(Version::FIRST)).await?;
    transaction.commit().await?;

    let told = matches!(&refused, Err(AppendError::WrongVersion { stream, actual, .. })
        if stream.as_str() == "account-1" && *actual == Version::FIRST);
    assert!(told, "{refused:?}");
    assert_eq!(log(&store).await?, [entry("account-1", 1, 1), entry("account-1", 2, 4)]);
    Ok(())
}

/// What a transaction with one snapshot tries after another one was faster.
fn late_appends() -> Result<Vec<(&'static str, AppendMany)>, TestFailure> {
    let one = |stream: &str, expected: ExpectedVersion| {
        Ok::<_, TestFailure>(AppendMany::new().append(stream.parse()?, expected, [noted(9)?]))
    };
    Ok(vec![
        ("any version", one("account-1", ExpectedVersion::Any)?),
        ("the version of the snapshot", one("account-1", Version::FIRST.into())?),
        ("the version that is", one("account-1", Version::FIRST.next().into())?),
        ("no stream", one("account-2", ExpectedVersion::NoStream)?),
        ("any version of a new stream", one("account-2", ExpectedVersion::Any)?),
        ("a key used meanwhile", one("account-3", ExpectedVersion::Any)?.with_key("k")),
    ])
}

#[tokio::test]
async fn a_transaction_of_one_snapshot_that_came_too_late_learns_to_begin_anew() -> TestResult {
    let mut met = 0;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        for (told, late) in late_appends()? {
            for singly in [true, false] {
                let db = TestDb::fresh().await?;
                let (store, mut client) = (db.store(), db.connect().await?);
                store.append(append("account-1", 1)?).await?;
                let transaction = client.build_transaction().isolation_level(level).start().await?;
                transaction.query("select from annals.streams", &[]).await?;
                for stream in ["account-1", "account-2"] {
                    store.append(append(stream, 2)?).await?;
                }
                let key = format!("for {singly}");
                let same = if singly { append("account-4", 9)? } else { append("account-5", 9)? };
                store.append(same.with_key(key.as_str())).await?;
                let before = log(&store).await?;

                let mut late = late.clone();
                late.key = late.key.map(|_| key.as_str().into());
                let answer = if singly {
                    let part = late.streams.remove(0);
                    let mut one = Append::to(part.stream, part.events).expecting(part.expected);
                    one.key = late.key;
                    store.append_in(&transaction, one).await.map(drop)
                } else {
                    store.append_many_in(&transaction, late).await.map(drop)
                };

                let typed =
                    matches!(&answer, Err(error @ AppendError::Serialization(..)) if error.is_transient());
                assert!(typed, "{level:?}, {told}, singly {singly}: {answer:?}");
                transaction.rollback().await?;
                assert_eq!(log(&store).await?, before, "{level:?}, {told}, singly {singly}");
                met += 1;
            }
        }
    }
    println!("append in: {met} late transactions were told to begin anew");
    Ok(())
}

#[tokio::test]
async fn a_transaction_of_one_snapshot_that_met_nobody_appends() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);
    store.append(append("account-1", 1)?).await?;

    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let transaction = client.build_transaction().isolation_level(level).start().await?;
        let stale = append("account-1", 0)?.expecting(Version::try_from(7)?);
        let version: i64 = transaction.query_one("select version from annals.streams", &[]).await?.get(0);
        let savepoint_sql = "savepoint s";
        transaction.batch_execute(savepoint_sql).await?;
        let refused = store.append_in(&transaction, stale).await;
        transaction.batch_execute("rollback to savepoint s").await?;
        store.append_in(&transaction, append("account-1", version + 1)?).await?;
        transaction.commit().await?;

        let told =
            matches!(&refused, Err(AppendError::WrongVersion { actual, .. }) if actual.get() == version);
        assert!(told, "{refused:?}");
    }

    assert_eq!(log(&store).await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn serializable_transactions_that_append_to_different_streams_all_commit() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, owner) = (db.store(), db.connect().await?);
    // Serializable transactions meet at pages of an index: the streams lie some pages apart.
    let seed = "select annals.append('account-' || n, 0, '[{\"type\": \"opened\", \"data\": 0}]')
                from generate_series(1000, 2999) as n";
    owner.query(seed, &[]).await?;
    owner.batch_execute("analyze annals.streams").await?;
    let mut sessions = Vec::new();
    for stream in ["account-1100", "account-2000", "account-2900"] {
        let session = db.connect().await?;
        // The first append of a session looks at the ends of all tables, and so meets every other append.
        let first = "select annals.append($1, -2, '[{\"type\": \"noted\", \"data\": 0}]')";
        session.query(first, &[&stream]).await?;
        sessions.push((session, stream));
    }

    let mut open = Vec::new();
    for (session, stream) in &mut sessions {
        let level = IsolationLevel::Serializable;
        let transaction = session.build_transaction().isolation_level(level).start().await?;
        let several = [NewEvent::new("noted", &1)?, NewEvent::new("noted", &2)?];
        store.append_in(&transaction, Append::to(stream.parse()?, several)).await?;
        open.push(transaction);
    }
    // The last first: one in the middle that had met both of the others could not commit after it.
    while let Some(transaction) = open.pop() {
        transaction.commit().await?;
    }

    let (before, more): (i64, i64) = (2000 + 3, 6);
    let stored: i64 = owner.query_one("select count(*) from annals.events", &[]).await?.get(0);
    assert_eq!(stored, before + more);
    Ok(())
}

#[tokio::test]
async fn of_two_transactions_that_wait_for_each_other_one_is_told_and_the_other_goes_on() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, observer) = (db.store(), db.connect().await?);
    let (mut one, mut two) = (db.connect().await?, db.connect().await?);
    let (first, second) = (one.transaction().await?, two.transaction().await?);
    store.append_in(&first, append("account-1", 1)?).await?;
    store.append_in(&second, append("account-2", 2)?).await?;

    // Whoever is chosen lets go, or the other one would wait for it.
    let crossing = async {
        let answer = store.append_in(&first, append("account-2", 4)?).await;
        if answer.is_ok() {
            first.commit().await?;
        } else {
            first.rollback().await?;
        }
        Ok::<_, TestFailure>(answer)
    };
    let crossing_back = async {
        until_waiting(&observer, 1).await?;
        let answer = store.append_in(&second, append("account-1", 3)?).await;
        if answer.is_ok() {
            second.commit().await?;
        } else {
            second.rollback().await?;
        }
        Ok::<_, TestFailure>(answer)
    };
    let (first_answer, second_answer) = tokio::join!(crossing, crossing_back);

    let answers = [first_answer?, second_answer?];
    let victims: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    let [AppendError::Serialization(_, cause)] = &victims[..] else { panic!("{answers:?}") };
    let code = cause.downcast_ref::<Error>().and_then(Error::code).map(|code| code.code().to_owned());
    assert_eq!(code.as_deref(), Some("40P01"));
    assert_eq!(log(&store).await?.len(), 2, "the events of the one, none of the other");
    Ok(())
}
