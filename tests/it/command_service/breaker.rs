//! The breaker before a log that cannot be reached, and before one that says no.

use std::time::Duration;

use annals::aggregates::service::{BreakerOptions, CommandError, CommandService, CommandServiceOptions};
use annals::aggregates::{ExecuteError, HandleError};
use annals_devdb::TestResult;

use super::{LONG, Told, count, events, opened, repository};
use crate::support::{Cut, Cutter, TestDb};

const AT_ONCE: u32 = 8;

fn options(failures_in_a_row: usize, open_for: Duration, attempts: u32) -> CommandServiceOptions {
    let breaker = Some(BreakerOptions { failures_in_a_row, open_for, probes: 1 });
    CommandServiceOptions { breaker, attempts, deadline: Some(LONG), ..CommandServiceOptions::default() }
}

fn is_breaker(told: &Told) -> bool {
    matches!(told, Err(CommandError::Breaker(_)))
}

#[tokio::test]
async fn hundreds_of_conflicts_and_refusals_do_not_open_it() -> TestResult {
    let db = TestDb::fresh().await?;
    // A single one would open it.
    let service = CommandService::new(repository(&db.store()), options(1, Duration::from_secs(3600), 1))?;

    let (mut refusals, mut conflicts, mut round) = (0, 0, 0);
    while refusals < 100 || conflicts < 100 {
        let at_once = (0..AT_ONCE).map(|n| service.execute(count(round, 50, &format!("{round}, {n}"))));
        for told in futures_util::future::join_all(at_once).await {
            match told {
                Ok(_) => {}
                Err(error) if error.refusal().is_some() => refusals += 1,
                Err(CommandError::Handle(HandleError::Execute(ExecuteError::Conflict { .. }))) => {
                    conflicts += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        // The counter is full sooner or later, in this round or by these.
        for n in 0..3 {
            let told = service.execute(count(round, 50, &format!("{round}, after {n}"))).await;
            refusals += usize::from(told.is_err_and(|error| error.refusal().is_some()));
        }
        round += 1;
    }

    println!("{refusals} refusals, {conflicts} conflicts, {round} rounds");
    service.execute(count(round, 1, "closed")).await?;
    Ok(())
}

#[tokio::test]
async fn a_log_out_of_reach_opens_it_and_one_probe_closes_it_when_the_log_is_back() -> TestResult {
    let db = TestDb::fresh().await?;
    let cutter = Cutter::before(db.url()).await?;
    // Long enough for what is looked at while it is open, however slow the machine.
    let open_for = Duration::from_secs(2);
    let service = CommandService::new(repository(&opened(cutter.url()).await?), options(3, open_for, 10))?;
    service.execute(count(0, 1, "before")).await?;
    cutter.cut_next([Cut::BeforeExecute; 10_000]);

    let mut failures = 0;
    let open = loop {
        let told = service.execute(count(0, 1, &format!("out of reach {failures}"))).await;
        match told.expect_err("the log is out of reach") {
            CommandError::Breaker(open) => break open,
            CommandError::Handle(_) => failures += 1,
            other => panic!("{other}"),
        }
    };
    let statements = cutter.statements();
    let away = service.execute(count(0, 1, "turned away")).await;
    assert_eq!((failures, cutter.statements()), (3, statements), "{away:?}");

    cutter.heal();
    tokio::time::sleep(open.retry_after).await;
    let at_once = (1..=AT_ONCE).map(|n| service.execute(count(n, 1, &format!("half open {n}"))));
    let told = futures_util::future::join_all(at_once).await;
    let probes = told.iter().filter(|told| told.is_ok()).count();
    let away = told.iter().filter(|told| is_breaker(told)).count();
    let mut stored = 0;
    for n in 1..=AT_ONCE {
        stored += events(&db, n).await?;
    }
    println!("half open: {probes} let through, {away} turned away, {stored} stored");
    assert_eq!((probes, away, stored), (1, 7, 1), "{told:?}");

    for n in 1..=AT_ONCE {
        service.execute(count(n, 1, &format!("closed {n}"))).await?;
    }
    assert_eq!(events(&db, 0).await?, 1, "what was not answered had no effect");
    Ok(())
}

#[tokio::test]
async fn a_stream_that_stays_locked_too_long_is_an_answer_of_the_log_and_does_not_open_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let (mut holder, admin) = (db.connect().await?, db.connect().await?);
    let database: String = admin.query_one("select current_database()", &[]).await?.get(0);
    admin.batch_execute(&format!("alter database {database} set lock_timeout = '50ms'")).await?;
    // A single one would open it.
    let options = options(1, Duration::from_secs(3600), 1);
    let service = CommandService::new(repository(&opened(db.url()).await?), options)?;
    service.execute(count(1, 1, "before")).await?;
    let transaction = holder.transaction().await?;
    transaction
        .batch_execute("select annals.append('counter-1', -2, '[{\"type\": \"counted\", \"data\": 1}]')")
        .await?;

    for n in 0..5 {
        let told = service.execute(count(1, 1, &format!("locked {n}"))).await;
        let error = told.expect_err("the stream is locked");
        assert!(matches!(error, CommandError::Handle(_)) && error.is_transient(), "{error:?}");
    }
    transaction.rollback().await?;

    service.execute(count(1, 1, "after")).await?;
    assert_eq!(events(&db, 1).await?, 2);
    Ok(())
}
