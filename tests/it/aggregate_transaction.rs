//! Commands that join the caller's own transaction.

use annals::aggregates::{Context, ExecuteError, ExecuteOptions, Executed};
use annals::eventstore::{TransactionalStore, Version};
use annals_devdb::TestResult;

use crate::support::{Counter, Full, TestDb, counters};

#[tokio::test]
async fn a_command_in_the_callers_transaction_shares_its_fate_and_sees_what_was_done_in_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let (counters, mut client, context) = (counters(&db), db.connect().await?, Context::new());
    client.batch_execute("create table notes (note text)").await?;

    for commits in [false, true] {
        let transaction = client.transaction().await?;
        transaction.execute("insert into notes values ('counted')", &[]).await?;
        for n in 1..=2 {
            let options = ExecuteOptions::default();
            let executed = counters.execute_in(&transaction, &1, 30, &context, options).await?;
            assert_eq!(executed.loaded().map(|loaded| loaded.state.0), Some(30 * n));
        }
        let nothing = counters.execute_in(&transaction, &1, 0, &context, ExecuteOptions::default()).await?;
        assert!(matches!(nothing, Executed::NothingToDo(loaded) if loaded.version.get() == 2));
        let refused = counters.execute_in(&transaction, &1, 50, &context, ExecuteOptions::default()).await;
        assert!(matches!(refused, Err(ExecuteError::Refused(Full))), "{refused:?}");
        assert_eq!(counters.load(&1).await?.version, Version::NONE, "before the end of the transaction");
        if commits {
            transaction.commit().await?;
            TransactionalStore::wake(counters.store());
        } else {
            transaction.rollback().await?;
        }
    }

    assert_eq!(counters.load(&1).await?.state, Counter(60));
    let notes: i64 = client.query_one("select count(*) from notes", &[]).await?.get(0);
    assert_eq!(notes, 1);
    Ok(())
}

#[tokio::test]
async fn a_repetition_in_the_callers_transaction_is_recognised_by_its_key() -> TestResult {
    let db = TestDb::fresh().await?;
    let (counters, mut client, context) = (counters(&db), db.connect().await?, Context::new());
    let once = ExecuteOptions::keyed("count to ninety");

    for n in 0..2 {
        let transaction = client.transaction().await?;
        let executed = counters.execute_in(&transaction, &1, 90, &context, once).await?;
        transaction.commit().await?;
        assert_eq!(matches!(executed, Executed::AlreadyApplied(_)), n == 1, "{executed:?}");
    }

    assert_eq!(counters.load(&1).await?.state, Counter(90));
    Ok(())
}

#[tokio::test]
async fn a_conflict_in_the_callers_transaction_is_told_and_aborts_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let (counters, mut client, context) = (counters(&db), db.connect().await?, Context::new());
    counters.execute(&1, 1, &context).await?;
    // One snapshot for the whole transaction: what another writes meanwhile is not seen when it is loaded.
    let level = tokio_postgres::IsolationLevel::RepeatableRead;
    let transaction = client.build_transaction().isolation_level(level).start().await?;
    transaction.query("select from annals.streams", &[]).await?;
    counters.execute(&1, 2, &context).await?;

    let lost = counters.execute_in(&transaction, &1, 4, &context, ExecuteOptions::default()).await;

    assert!(
        matches!(&lost, Err(lost @ ExecuteError::Conflict { attempts: 1, .. }) if lost.is_transient()),
        "{lost:?}"
    );
    assert!(transaction.query("select 1", &[]).await.is_err(), "the transaction goes on");
    transaction.rollback().await?;
    assert_eq!(counters.load(&1).await?.state, Counter(3));
    Ok(())
}
