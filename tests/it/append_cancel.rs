//! A key and its cancellation meet: whoever comes second waits for the first one's transaction, and both learn
//! the same. What holds in any store is in the conformance suite.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{
    Append, AppendError, AppendMany, Cancellation, EventStore, ExpectedVersion, GlobalPosition, LogQuery,
    NewEvent,
};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use crate::support::{TestDb, until_waiting};

/// How an append under the key `k` is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Several,
}

fn noted() -> Result<[NewEvent; 1], TestFailure> {
    Ok([NewEvent::new("noted", &())?])
}

fn one() -> Result<Append, TestFailure> {
    Ok(Append::to("account-1".parse()?, noted()?).with_key("k"))
}

fn several() -> Result<AppendMany, TestFailure> {
    Ok(AppendMany::new()
        .append("account-2".parse()?, ExpectedVersion::Any, noted()?)
        .append("account-1".parse()?, ExpectedVersion::Any, noted()?)
        .with_key("k"))
}

#[tokio::test]
async fn a_cancellation_waits_for_the_append_that_is_under_way() -> TestResult {
    for kind in [Kind::One, Kind::Several] {
        for commits in [true, false] {
            let db = TestDb::fresh().await?;
            let (store, observer, mut client) = (db.store(), db.connect().await?, db.connect().await?);
            let transaction = client.transaction().await?;
            match kind {
                Kind::One => drop(store.append_in(&transaction, one()?).await?),
                Kind::Several => drop(store.append_many_in(&transaction, several()?).await?),
            }
            let cancelling = tokio::spawn({
                let store = store.clone();
                async move { store.cancel_key("k".into()).await }
            });
            until_waiting(&observer, 1).await?;
            if commits {
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }

            match (cancelling.await??, commits) {
                (Cancellation::Applied(found), true) => {
                    assert_eq!(found.streams.len(), if kind == Kind::One { 1 } else { 2 });
                    assert!(found.already_applied);
                    assert!(
                        store.append(one()?).await.is_ok() || kind == Kind::Several,
                        "the key still answers"
                    );
                }
                (Cancellation::Cancelled, false) => {
                    let late = store.append(one()?).await;
                    assert!(matches!(late, Err(AppendError::KeyCancelled { .. })), "{late:?}");
                }
                (answer, _) => panic!("{kind:?}, commits {commits}: {answer:?}"),
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_append_waits_for_the_cancellation_that_is_under_way() -> TestResult {
    for kind in [Kind::One, Kind::Several] {
        for commits in [true, false] {
            let db = TestDb::fresh().await?;
            let (store, observer, mut client) = (db.store(), db.connect().await?, db.connect().await?);
            let transaction = client.transaction().await?;
            assert_eq!(transaction.query("select * from annals.cancel_key('k')", &[]).await?.len(), 0);
            let appending = tokio::spawn({
                let (store, one, several) = (store.clone(), one()?, several()?);
                async move {
                    match kind {
                        Kind::One => store.append(one).await.map(drop),
                        Kind::Several => store.append_many(several).await.map(drop),
                    }
                }
            });
            until_waiting(&observer, 1).await?;
            if commits {
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }

            let answer = appending.await?;
            let events = store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len();
            if commits {
                assert!(matches!(answer, Err(AppendError::KeyCancelled { .. })), "{kind:?}: {answer:?}");
                assert_eq!(events, 0, "{kind:?}");
                let streams: i64 =
                    observer.query_one("select count(*) from annals.streams", &[]).await?.get(0);
                assert_eq!(streams, 0, "{kind:?}: streams left behind");
            } else {
                assert!(answer.is_ok(), "{kind:?}: {answer:?}");
                assert_eq!(events, if kind == Kind::One { 1 } else { 2 });
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn in_sql_a_cancelled_key_has_no_rows_and_its_own_sqlstate() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    let append = "select * from annals.append('account-1', -2, '[{\"type\": \"a\", \"data\": 1}]', $1)";
    client.query(append, &[&"used"]).await?;

    let cancel = "select stream, from_version, to_version, from_position, to_position, already_applied
                  from annals.cancel_key($1)";
    let used = client.query(cancel, &[&"used"]).await?;
    let unused = client.query(cancel, &[&"unused"]).await?;
    let refused = client.query(append, &[&"unused"]).await.expect_err("the key is cancelled");
    let nothing = client.query(cancel, &[&None::<&str>]).await.expect_err("there is no key");

    assert_eq!((used[0].get::<_, &str>(0), used[0].get::<_, i64>(2), used[0].get(5)), ("account-1", 1, true));
    assert!(unused.is_empty());
    let said = refused.as_db_error().expect("the database refuses");
    assert_eq!(said.code().code(), "LG010");
    let key = annals_eventstore::IdempotencyKey::from("unused").to_string();
    let detail: Value = serde_json::from_str(said.detail().unwrap_or("null"))?;
    assert_eq!(detail, json!({"idempotency_key": key}));
    assert_eq!(nothing.code().map(SqlState::code), Some("LG004"));
    Ok(())
}
