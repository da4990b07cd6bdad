//! A command under its id has one effect: sent by many at once, by another process, behind a snapshot, and after a
//! crash at any step.

use annals::aggregates::service::{CarriesOut, CommandService, CommandServiceOptions, Keyed};
use annals::aggregates::{ExecuteOptions, Executed, HandleError, Repository, SnapshotPolicy};
use annals::eventstore::PostgresStore;
use annals_devdb::{TestFailure, TestResult};

use super::{count, events, handles, opened, repository, service};
use crate::support::{Counter, Cut, Cutter, Full, TestDb};

/// More statements than a command takes, repetitions included.
const ALL_THAT_FOLLOW: usize = 100;

/// The statements of a command to an aggregate that was not in memory before, by whether it is now. The repository
/// reads its events and looks up its key, and appends; handles read its events and append.
const STATEMENTS: [(bool, usize); 2] = [(false, 3), (true, 2)];

/// Sends one command 64 times at once through two services; returns how many calls applied it, and its events.
async fn sixty_four(
    db: &TestDb,
    counter: u32,
    services: [CommandService<Counter>; 2],
) -> Result<(usize, i64), TestFailure> {
    let duplicates: Vec<_> = (0..64)
        .map(|n| {
            let service = services[n % 2].clone();
            tokio::spawn(async move { service.execute(count(counter, 1, &format!("once {counter}"))).await })
        })
        .collect();
    let mut applied = 0;
    for duplicate in duplicates {
        match duplicate.await?? {
            Executed::Applied { .. } => applied += 1,
            Executed::AlreadyApplied(receipt) => assert_eq!(receipt.from_version.get(), 1),
            other => panic!("{other:?}"),
        }
    }
    Ok((applied, events(db, counter).await?))
}

#[tokio::test]
async fn sixty_four_duplicates_at_once_from_two_processes_have_one_effect() -> TestResult {
    let db = TestDb::fresh().await?;
    let stores = [opened(db.url()).await?, opened(db.url()).await?];

    let [one, other] = &stores;
    let repositories = sixty_four(&db, 1, [service(repository(one))?, service(repository(other))?]).await?;
    let in_memory = sixty_four(&db, 2, [service(handles(one))?, service(handles(other))?]).await?;
    let mixed = sixty_four(&db, 3, [service(repository(one))?, service(handles(other))?]).await?;

    assert_eq!([repositories, in_memory, mixed], [(1, 1); 3]);
    Ok(())
}

/// Carries commands out and forgets their ids.
#[derive(Debug, Clone)]
struct WithoutIds(Repository<Counter, PostgresStore>);

impl CarriesOut<Counter> for WithoutIds {
    async fn carry_out(&self, keyed: Keyed<Counter>) -> Result<Executed<Counter>, HandleError<Full>> {
        let (command, options) = keyed.into_parts();
        let options = ExecuteOptions { key: None, attempts: 1000, ..options };
        Ok(self.0.execute_with(&command.aggregate, command.command, &command.context, options).await?)
    }

    async fn finish(&self) {}
}

#[tokio::test]
async fn someone_who_forgets_the_ids_of_commands_is_noticed() -> TestResult {
    let db = TestDb::fresh().await?;
    let forgetful = service(WithoutIds(repository(&db.store())))?;

    let (applied, stored) = sixty_four(&db, 1, [forgetful.clone(), forgetful]).await?;

    assert_eq!((applied, stored), (64, 64), "each duplicate has its effect");
    Ok(())
}

#[tokio::test]
async fn a_repetition_behind_a_snapshot_and_in_another_process_is_known() -> TestResult {
    let db = TestDb::fresh().await?;
    let snapping = |store: &PostgresStore| repository(store).with_snapshots(SnapshotPolicy::every(1));
    let first = service(snapping(&db.store()))?;
    let done = first.execute(count(1, 60, "once")).await?;
    first.shut_down().await;
    let snapshots: i64 =
        db.connect().await?.query_one("select count(*) from annals.snapshots", &[]).await?.get(0);
    assert_eq!(snapshots, 1);

    let again = service(snapping(&opened(db.url()).await?))?.execute(count(1, 60, "once")).await?;

    assert!(matches!(&again, Executed::AlreadyApplied(_)), "the state refuses it by now: {again:?}");
    assert_eq!((again.position(), events(&db, 1).await?), (done.position(), 1));
    Ok(())
}

/// What became of a command whose process lost its log at a statement and ended, and what of its repetition.
async fn crash_and_repeat(
    db: &TestDb,
    counter: u32,
    (in_memory, step, cut): (bool, usize, Cut),
) -> Result<bool, TestFailure> {
    let told = format!("in memory: {in_memory}, statement {step}, {cut:?}");
    let id = told.as_str();
    let cutter = Cutter::before(db.url()).await?;
    let cut_off = opened(cutter.url()).await?;
    cutter.let_pass(step);
    cutter.cut_next([cut; ALL_THAT_FOLLOW]);
    // It gives up by its deadline, at the latest.
    let options = CommandServiceOptions::default();
    let crashing = match in_memory {
        true => CommandService::new(handles(&cut_off), options)?,
        false => CommandService::new(repository(&cut_off), options)?,
    };
    let error = crashing.execute(count(counter, 60, id)).await.expect_err(id);
    let left = events(db, counter).await?;
    assert!(error.is_transient(), "{told}: {error}");
    assert!(left == 0 || error.may_have_effect(), "{told}: {left} events, and it says {error}");

    let restarted = opened(db.url()).await?;
    let again = if in_memory { service(handles(&restarted))? } else { service(repository(&restarted))? };
    let executed = again.execute(count(counter, 60, id)).await?;
    let once_more = again.execute(count(counter, 60, id)).await?;

    assert_eq!(matches!(executed, Executed::AlreadyApplied(_)), left == 1, "{told}: {executed:?}");
    assert!(matches!(once_more, Executed::AlreadyApplied(_)), "{told}: {once_more:?}");
    assert_eq!(events(db, counter).await?, 1, "{told}");
    Ok(left == 1)
}

#[tokio::test]
async fn a_command_whose_process_crashes_at_any_step_is_carried_out_once() -> TestResult {
    let db = TestDb::fresh().await?;
    let steps = STATEMENTS.into_iter().flat_map(|(in_memory, count)| (0..count).map(move |n| (in_memory, n)));
    let steps: Vec<_> = steps.flat_map(|(in_memory, n)| Cut::ALL.map(|cut| (in_memory, n, cut))).collect();

    let numbered = (0..).zip(&steps).map(|(counter, step)| crash_and_repeat(&db, counter, *step));
    let carried_out = futures_util::future::join_all(numbered).await;

    let carried_out: Vec<bool> = carried_out.into_iter().collect::<Result<_, _>>()?;
    let before_the_crash = carried_out.iter().filter(|done| **done).count();
    println!("crashes: {}, of commands that were carried out: {before_the_crash}", steps.len());
    let after_commit = Cut::ALL.into_iter().filter(|cut| cut.is_after_commit()).count();
    assert_eq!(before_the_crash, 2 * after_commit, "cut behind the commit of the append, by both ways");
    Ok(())
}
