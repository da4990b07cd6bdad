//! Shedding before a log that is slow.

use annals::aggregates::service::{CommandError, CommandService, CommandServiceOptions};
use annals::eventstore::EventStore;
use annals_devdb::TestResult;

use super::{LONG, count, events, repository};
use crate::support::{TestDb, until_waiting};

#[tokio::test]
async fn what_is_shed_at_the_limit_has_written_nothing_and_what_was_let_in_has() -> TestResult {
    let db = TestDb::fresh().await?;
    let options = CommandServiceOptions {
        concurrent_commands: Some(4),
        deadline: Some(LONG),
        ..CommandServiceOptions::default()
    };
    let service = CommandService::new(repository(&db.store()), options)?;
    let (mut holder, observer) = (db.connect().await?, db.connect().await?);
    let transaction = holder.transaction().await?;
    for counter in 0..4 {
        let held = format!(
            "select annals.append('counter-{counter}', -2, '[{{\"type\": \"counted\", \"data\": 1}}]')"
        );
        transaction.batch_execute(&held).await?;
    }
    let let_in: Vec<_> = (0..4)
        .map(|counter| {
            let service = service.clone();
            tokio::spawn(async move { service.execute(count(counter, 5, &format!("in {counter}"))).await })
        })
        .collect();
    until_waiting(&observer, 4).await?;

    let mut shed = 0;
    for n in 0..50 {
        let error = service.execute(count(n % 8, 1, &format!("shed {n}"))).await.expect_err("it is full");
        assert!(matches!(&error, CommandError::Shed(_)) && !error.may_have_effect(), "{error:?}");
        shed += 1;
    }
    transaction.rollback().await?;
    for one in let_in {
        one.await??;
    }

    let stored = db.store().read_log(annals::eventstore::LogQuery::after(Default::default())).await?;
    println!("shed: {shed}, let in: {}", stored.events.len());
    assert_eq!((shed, stored.events.len()), (50, 4));
    for counter in 0..8 {
        assert_eq!(events(&db, counter).await?, i64::from(counter < 4), "counter {counter}");
    }
    Ok(())
}
