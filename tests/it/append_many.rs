//! Appends to several streams in PostgreSQL: what they lock, for how long, and what they leave alone. What they
//! promise in any store is in the conformance suite.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{
    Append, AppendError, AppendMany, EventStore, ExpectedVersion, GlobalPosition, LogQuery, NewEvent, Version,
};
use tokio::task::JoinSet;

use crate::support::{TestDb, until_waiting};

fn noted() -> Result<[NewEvent; 1], TestFailure> {
    Ok([NewEvent::new("noted", &())?])
}

#[tokio::test]
async fn an_append_that_waits_for_one_of_its_streams_holds_no_reader_back() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, observer, mut holder) = (db.store(), db.connect().await?, db.connect().await?);
    store.append(Append::to("hot-1".parse()?, noted()?)).await?;
    let transaction = holder.transaction().await?;
    transaction.query("select from annals.streams for update", &[]).await?;

    let many = AppendMany::new().append("a-1".parse()?, ExpectedVersion::Any, noted()?).append(
        "hot-1".parse()?,
        ExpectedVersion::Any,
        noted()?,
    );
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.append_many(many).await }
    });
    until_waiting(&observer, 1).await?;
    let other = store.append(Append::to("other-1".parse()?, noted()?)).await?;

    let page = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    assert_eq!(page.settled_to, other.to_position, "what was appended meanwhile is settled");
    transaction.commit().await?;
    assert!(waiting.await??.streams[0].appended.from_position > other.to_position, "drawn after the wait");
    Ok(())
}

#[tokio::test]
async fn what_was_checked_stays_so_until_the_transaction_ends_and_checks_do_not_wait() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, observer, mut client) = (db.store(), db.connect().await?, db.connect().await?);
    store.append(Append::to("rate-1".parse()?, noted()?)).await?;
    let check = |order: &str| {
        Ok::<_, TestFailure>(AppendMany::new().check("rate-1".parse()?, Version::FIRST).append(
            order.parse()?,
            ExpectedVersion::Any,
            noted()?,
        ))
    };

    let transaction = client.transaction().await?;
    let absent = check("order-1")?.check("rate-2".parse()?, ExpectedVersion::NoStream);
    store.append_many_in(&transaction, absent).await?;
    // A second check passes beside the first one; who would change what was checked waits.
    store.append_many(check("order-2")?).await?;
    let mut rivals = JoinSet::new();
    for stream in ["rate-1", "rate-2"] {
        let (store, rival) = (store.clone(), Append::to(stream.parse()?, noted()?));
        rivals.spawn(async move { store.append(rival).await });
    }
    until_waiting(&observer, 2).await?;
    let held = store.stream_info(&"rate-1".parse()?).await?.version;
    transaction.commit().await?;

    assert_eq!(held, Version::FIRST);
    for rival in rivals.join_all().await {
        rival?;
    }
    let late = store.append_many(check("order-3")?).await;
    assert!(matches!(late, Err(AppendError::WrongVersion { .. })), "{late:?}");
    Ok(())
}

#[tokio::test]
async fn a_check_that_waited_for_a_change_is_refused_by_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, observer, mut holder) = (db.store(), db.connect().await?, db.connect().await?);
    store.append(Append::to("rate-1".parse()?, noted()?)).await?;
    let transaction = holder.transaction().await?;
    for stream in ["rate-1", "rate-2"] {
        store.append_in(&transaction, Append::to(stream.parse()?, noted()?)).await?;
    }

    let mut checks = JoinSet::new();
    for (stream, expected) in [("rate-1", Version::FIRST.into()), ("rate-2", ExpectedVersion::NoStream)] {
        // Twice each: two checks that waited for the same row must not then wait for each other.
        for n in 0..2 {
            let check = AppendMany::new().check(stream.parse()?, expected).append(
                format!("order-{stream}-{n}").parse()?,
                ExpectedVersion::Any,
                noted()?,
            );
            let store = store.clone();
            checks.spawn(async move { store.append_many(check).await });
        }
    }
    until_waiting(&observer, 4).await?;
    transaction.commit().await?;

    for refused in checks.join_all().await {
        assert!(matches!(refused, Err(AppendError::WrongVersion { .. })), "{refused:?}");
    }
    let events = store.read_log(LogQuery::after(GlobalPosition::START)).await?.events;
    assert_eq!(events.len(), 3, "the refused ones stored nothing");
    Ok(())
}

#[tokio::test]
async fn a_malformed_call_in_sql_is_refused_and_stores_nothing() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    let id = "'{0191e4a0-0000-7000-8000-000000000001}', '{a}', '{1}', array['1'::json], array[null::json]";
    let none = "'{}', '{}', '{}', '{}', '{}'";
    let calls = [
        ("LG004", format!("'{{}}', '{{}}', '{{}}', {none}")),
        ("LG004", format!("null, null, null, {none}")),
        ("LG004", format!("'{{a}}', '{{0,0}}', '{{1}}', {id}")),
        ("LG004", format!("'{{a}}', '{{0}}', '{{2}}', {id}")),
        ("LG004", format!("'{{a,b}}', '{{0,0}}', '{{2,-1}}', {id}")),
        ("LG004", format!("'{{a}}', '{{0}}', '{{null}}', {id}")),
        ("LG004", format!("'{{a}}', '{{-3}}', '{{1}}', {id}")),
        ("LG004", format!("'{{a,a}}', '{{0,0}}', '{{1,0}}', {id}")),
        ("LG004", format!("'{{a,b}}', '{{0,-2}}', '{{1,0}}', {id}")),
        ("LG005", format!("array['$a'], '{{0}}', '{{1}}', {id}")),
        ("LG005", format!("array[null::text], '{{0}}', '{{1}}', {id}")),
    ];

    for (sqlstate, arguments) in &calls {
        let error = client.query(&format!("select annals.append_many_events({arguments})"), &[]).await;
        let error = error.expect_err(arguments);
        let code = error.code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some(*sqlstate), "{arguments}: {error:?}");
    }
    let rows: i64 = client.query_one("select count(*) from annals.streams", &[]).await?.get(0);
    assert_eq!(rows, 0);
    Ok(())
}

#[tokio::test]
async fn streams_that_were_only_checked_leave_no_row_behind() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let many = |n: i64| {
        Ok::<_, TestFailure>(
            AppendMany::new().check(format!("none-{n}").parse()?, ExpectedVersion::NoStream).append(
                "a-1".parse()?,
                Version::try_from(n)?,
                noted()?,
            ),
        )
    };
    let first = many(0)?.with_key("k");

    store.append_many(first.clone()).await?;
    store.append_many(first).await?;
    let again = many(1)?;
    store.append_many(again.clone()).await?;
    store.append_many(again).await?;
    store.append_many(AppendMany::new().check("none-2".parse()?, ExpectedVersion::NoStream)).await?;

    let rows = client.query("select stream_name, version from annals.streams", &[]).await?;
    let rows: Vec<(&str, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows, [("a-1", 2)]);
    Ok(())
}
