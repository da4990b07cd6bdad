//! Events that cannot be applied: parked with all later ones of their key, skipped, or a reason to stop – and what
//! operators make of them.

use std::marker::PhantomData;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::Consumer;
use annals_eventstore::{
    Append, Batch, ExpectedVersion, GlobalPosition, HandlerError, NewEvent, PostgresStore,
};
use annals_projections::{
    OperateError, Operator, PoisonPolicy, Poisoned, Progress, ProgressError, Projection, Runner,
    RunnerOptions, RunningRunner,
};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(30);

/// Writes a row an event; refuses those that the table of forbidden ones names, in one way or another.
struct Ledger<P>(PhantomData<P>);

/// What becomes of an event that the ledger refuses.
trait Policy: Send + Sync + 'static {
    const POISON: PoisonPolicy;
    const SWALLOWS: bool = false;
}

const PARK: PoisonPolicy = PoisonPolicy { retries: 0, then: Poisoned::Park, keys_max: 2, events_max: 5 };

struct Parks;
/// Parks more keys than two.
struct Parks5;
struct Skips;
struct Stops;
struct TriesThrice;
/// Passes over in silence what it should refuse.
struct Swallows;

impl Policy for Parks {
    const POISON: PoisonPolicy = PARK;
}
impl Policy for Parks5 {
    const POISON: PoisonPolicy = PoisonPolicy { keys_max: 5, ..PARK };
}
impl Policy for Skips {
    const POISON: PoisonPolicy = PoisonPolicy { then: Poisoned::Skip, ..PARK };
}
impl Policy for Stops {
    const POISON: PoisonPolicy = PoisonPolicy { then: Poisoned::Stop, ..PARK };
}
impl Policy for Swallows {
    const POISON: PoisonPolicy = PARK;
    const SWALLOWS: bool = true;
}
impl Policy for TriesThrice {
    const POISON: PoisonPolicy = PoisonPolicy { retries: 2, ..PARK };
}

impl<P: Policy> Projection for Ledger<P> {
    const NAME: &'static str = "ledger";
    const TABLES: &'static str = "
        create table if not exists ledger (nth bigserial, stream text, version bigint, primary key (stream, version));
        create table if not exists forbidden (stream text, version bigint, how text);
        create sequence if not exists attempts;
        create table if not exists debts (
            debtor text primary key, creditor text references debts deferrable initially deferred)";

    fn on_poison() -> PoisonPolicy {
        P::POISON
    }

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        for event in batch.events {
            let key: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
                [&event.stream.as_str(), &event.version.get()];
            // The row is written before it is refused: none may be left of it.
            batch.transaction.execute("insert into ledger (stream, version) values ($1, $2)", &key).await?;
            let how = "select how from forbidden where stream = $1 and version = $2";
            match batch.transaction.query_opt(how, &key).await?.map(|row| row.get::<_, String>(0)).as_deref()
            {
                None => {}
                Some("refuse") if P::SWALLOWS => return Ok(()),
                Some("refuse") => return Err("it is forbidden".into()),
                // Busy with something else, for longer than a lease.
                Some("brood") => tokio::time::sleep(Duration::from_secs(2)).await,
                Some("panic") => panic!("{} {}", key_of(event), event.version),
                Some("owe") => owe(&batch, key_of(event), "nobody").await?,
                // Wrong for a moment, and right in the end.
                Some("settle") => {
                    let bank = format!("bank of {}", key_of(event));
                    owe(&batch, key_of(event), &bank).await?;
                    owe(&batch, &bank, &bank).await?;
                }
                Some("break") => drop(batch.transaction.execute("select 1 / 0", &[]).await?),
                // A handler that passes its failed statement over.
                Some("hide") => drop(batch.transaction.execute("select 1 / 0", &[]).await),
                // Passes by itself after three attempts: sequences are not rolled back.
                Some(_) => {
                    let sql = "select nextval('attempts')";
                    if batch.transaction.query_one(sql, &[]).await?.get::<_, i64>(0) <= 3 {
                        let deadlock =
                            "do $$ begin raise exception 'deadlock' using errcode = '40P01'; end $$";
                        batch.transaction.batch_execute(deadlock).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn key_of(event: &annals_eventstore::RecordedEvent) -> &str {
    event.stream.as_str()
}

async fn owe(batch: &Batch<'_>, debtor: &str, creditor: &str) -> Result<(), HandlerError> {
    let sql = "insert into debts values ($1, $2) on conflict do nothing";
    batch.transaction.execute(sql, &[&debtor, &creditor]).await?;
    Ok(())
}

/// A ledger that runs, and those who look after it.
struct Ground {
    db: TestDb,
    client: Client,
    operator: Operator,
    progress: Progress,
    runner: RunningRunner,
}

fn ledger() -> Consumer {
    Consumer { name: "ledger".to_owned(), version: 1 }
}

async fn start<P: Policy>(store: &PostgresStore) -> Result<RunningRunner, TestFailure> {
    let options = RunnerOptions { lease: Duration::from_secs(5), ..RunnerOptions::default() };
    Ok(Runner::new(store).options(options).host(|| Ledger::<P>(PhantomData)).start().await?)
}

impl Ground {
    /// Begins with some events forbidden, each in its way.
    async fn with<P: Policy>(forbidden: &[(&str, i64, &str)]) -> Result<Self, TestFailure> {
        let db = TestDb::fresh().await?;
        let (store, client) = (db.store(), db.connect().await?);
        client.batch_execute(<Ledger<P> as Projection>::TABLES).await?;
        for (stream, version, how) in forbidden {
            client.execute("insert into forbidden values ($1, $2, $3)", &[stream, version, how]).await?;
        }
        let operator = Operator::of(&store, store.pool().clone());
        let progress = Progress::of(&store, store.pool().clone(), ledger());
        let runner = start::<P>(&store).await?;
        Ok(Self { db, client, operator, progress, runner })
    }

    /// Waits until so many requests are served; returns what came of each.
    async fn outcomes(&self, requests: usize) -> Result<Vec<String>, TestFailure> {
        let sql = "select outcome from annals.control where done_at is not null order by control_id";
        let served = async {
            loop {
                let rows = self.client.query(sql, &[]).await?;
                if rows.len() == requests {
                    return Ok(rows.iter().map(|row| row.get(0)).collect());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, served).await?
    }

    /// Appends an event to each of some streams, in one go, so that they come in one batch.
    async fn append(&self, streams: &[&str]) -> Result<GlobalPosition, TestFailure> {
        let mut client = self.db.connect().await?;
        let transaction = client.transaction().await?;
        let mut last = GlobalPosition::START;
        for stream in streams {
            let append = Append::to(stream.parse()?, [NewEvent::new("noted", &())?]);
            let append = append.expecting(ExpectedVersion::Any);
            last = self.db.store().append_in(&transaction, append).await?.to_position;
        }
        transaction.commit().await?;
        self.db.store().wake();
        Ok(last)
    }

    async fn reach(&self, position: GlobalPosition) -> TestResult {
        Ok(self.progress.wait_for(position, None, SOON).await?)
    }

    /// Rows of the ledger in the order in which they were written.
    async fn rows(&self) -> Result<Vec<String>, TestFailure> {
        let sql = "select stream || ' ' || version from ledger order by nth";
        Ok(self.client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
    }

    /// Parked events with the reason and the attempts, in order.
    async fn parked(&self) -> Result<Vec<(String, Option<String>, u32)>, TestFailure> {
        let parked = self.operator.parked(&ledger(), 100).await?;
        let mut positions: Vec<_> = parked.iter().map(|event| (event.key.clone(), event.position)).collect();
        positions.sort();
        assert_eq!(positions, parked.iter().map(|e| (e.key.clone(), e.position)).collect::<Vec<_>>());
        Ok(parked.into_iter().map(|event| (event.stream, event.reason, event.attempts)).collect())
    }

    async fn allow_everything(&self) -> TestResult {
        Ok(self.client.batch_execute("delete from forbidden").await?)
    }

    async fn audit(&self) -> Result<Vec<(String, String)>, TestFailure> {
        let rows = self
            .client
            .query("select verb, reason from annals.projection_audit order by audit_id", &[])
            .await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Waits until a slot has stopped; returns why.
    async fn stopped(&self) -> Result<String, TestFailure> {
        let stopped = async {
            loop {
                let sql = "select stopped from annals.leases where stopped is not null";
                if let Some(row) = self.client.query_opt(sql, &[]).await? {
                    return Ok(row.get(0));
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, stopped).await?
    }
}

fn waits(stream: &str) -> (String, Option<String>, u32) {
    (stream.to_owned(), None, 0)
}

fn refused(stream: &str, attempts: u32) -> (String, Option<String>, u32) {
    (stream.to_owned(), Some("it is forbidden".to_owned()), attempts)
}

#[tokio::test]
async fn a_poisonous_event_is_parked_with_all_later_ones_of_its_key_in_order_while_others_go_on() -> TestResult
{
    let mut ground = Ground::with::<Parks>(&[("b", 2, "refuse")]).await?;
    let end = ground.append(&["a", "b", "b", "c", "b", "a"]).await?;
    ground.reach(end).await?;

    assert_eq!(ground.rows().await?, ["a 1", "b 1", "c 1", "a 2"]);
    assert_eq!(ground.parked().await?, [refused("b", 1), waits("b")]);
    ground.progress.wait_for(end, Some("a"), SOON).await?;
    let told = ground.progress.wait_for(end, Some("b"), SOON).await;
    assert!(matches!(told, Err(ProgressError::Parked { .. })), "{told:?}");

    // Another runner knows of it, and parks what comes behind.
    let next = start::<Parks>(&ground.db.store()).await?;
    std::mem::replace(&mut ground.runner, next).stop().await;
    let end = ground.append(&["b", "c"]).await?;
    ground.reach(end).await?;
    assert_eq!(ground.rows().await?, ["a 1", "b 1", "c 1", "a 2", "c 2"]);
    assert_eq!(ground.parked().await?, [refused("b", 1), waits("b"), waits("b")]);

    let again = ground.operator.retry(&ledger(), "b", "let us see", SOON).await;
    assert!(matches!(again, Err(OperateError::StillParked { .. })), "{again:?}");
    assert_eq!(ground.parked().await?, [refused("b", 2), waits("b"), waits("b")]);
    ground.allow_everything().await?;
    ground.operator.retry(&ledger(), "b", "it is allowed now", SOON).await?;
    let end = ground.append(&["b"]).await?;
    ground.progress.wait_for(end, Some("b"), SOON).await?;

    assert_eq!(ground.parked().await?, []);
    let rows = ground.rows().await?;
    let of_key: Vec<_> = rows.iter().filter(|row| row.starts_with('b')).collect();
    println!("{} rows, those of the blocked key: {of_key:?}", rows.len());
    assert_eq!(of_key, ["b 1", "b 2", "b 3", "b 4", "b 5"]);
    assert_eq!(rows.len(), 9);
    let audit = [("retry", "let us see"), ("retry", "it is allowed now")];
    assert_eq!(ground.audit().await?, audit.map(|(verb, reason)| (verb.to_owned(), reason.to_owned())));
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_handler_that_lets_its_transaction_stand_still_for_a_lease_stops_its_slot_with_the_reason()
-> TestResult {
    let mut ground = Ground::with::<Parks>(&[("b", 1, "brood")]).await?;
    let options = RunnerOptions { lease: Duration::from_secs(1), ..RunnerOptions::default() };
    let hasty = Runner::new(&ground.db.store()).options(options).host(|| Ledger::<Parks>(PhantomData));
    std::mem::replace(&mut ground.runner, hasty.start().await?).stop().await;
    ground.append(&["a", "b"]).await?;

    let why = ground.stopped().await?;

    assert!(why.contains("handler was busy for") && why.contains("it may do nothing for 1s"), "{why}");
    assert_eq!(ground.parked().await?, [], "nothing is wrong with the event");
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_panic_and_what_a_deferred_constraint_finds_are_parked_like_any_other_error() -> TestResult {
    let forbidden =
        [("a", 1, "settle"), ("b", 1, "owe"), ("c", 1, "panic"), ("d", 1, "settle"), ("e", 1, "owe")];
    let ground = Ground::with::<Parks5>(&forbidden).await?;
    let end = ground.append(&["a", "b", "c", "d", "b", "a", "e"]).await?;
    ground.reach(end).await?;

    assert_eq!(ground.rows().await?, ["a 1", "d 1", "a 2"]);
    let parked = ground.operator.parked(&ledger(), 100).await?;
    let reasons: Vec<_> = parked.iter().filter_map(|event| event.reason.as_deref()).collect();
    let owed = "violates foreign key constraint";
    assert!(
        matches!(&reasons[..], [b, c, e] if b.contains(owed) && c.contains("handler panicked: c 1") && e.contains(owed)),
        "{reasons:?}"
    );
    let again = ground.operator.retry(&ledger(), "b", "let us see", SOON).await;
    assert!(matches!(again, Err(OperateError::StillParked { .. })), "{again:?}");
    ground.allow_everything().await?;
    for key in ["b", "c", "e"] {
        ground.operator.retry(&ledger(), key, "it is allowed now", SOON).await?;
    }

    assert_eq!(ground.rows().await?, ["a 1", "d 1", "a 2", "b 1", "b 2", "c 1", "e 1"]);
    assert_eq!(ground.parked().await?, []);
    ground.runner.stop().await;
    Ok(())
}

/// One event of three keys is forbidden, in the middle of a batch.
async fn one_of_three_keys<P: Policy>() -> Result<(Vec<String>, usize), TestFailure> {
    let ground = Ground::with::<P>(&[("b", 1, "refuse")]).await?;
    let end = ground.append(&["a", "b", "b", "c"]).await?;
    ground.reach(end).await?;
    let (rows, parked) = (ground.rows().await?, ground.parked().await?.len());
    ground.runner.stop().await;
    Ok((rows, parked))
}

#[tokio::test]
async fn a_handler_that_passes_its_poison_over_is_noticed() -> TestResult {
    let sound = one_of_three_keys::<Parks>().await?;
    let swallows = one_of_three_keys::<Swallows>().await?;

    assert_eq!(sound, (vec!["a 1".to_owned(), "c 1".to_owned()], 2));
    assert_ne!(swallows, sound, "nothing is parked, and what stood behind the poison is lost");
    assert_eq!(swallows.1, 0);
    Ok(())
}

#[tokio::test]
async fn what_is_discarded_goes_with_a_reason_and_the_rest_of_its_key_is_applied_in_order() -> TestResult {
    let ground = Ground::with::<Parks>(&[("b", 1, "break"), ("b", 3, "hide")]).await?;
    let end = ground.append(&["b", "b", "b", "b", "a"]).await?;
    ground.reach(end).await?;
    let reasons: Vec<_> = ground.parked().await?.into_iter().filter_map(|(_, reason, _)| reason).collect();
    assert!(reasons.len() == 1 && reasons[0].contains("division by zero"), "{reasons:?}");

    let stuck = ground.operator.discard(&ledger(), "b", "a typing error", SOON).await;
    assert!(matches!(stuck, Err(OperateError::StillParked { .. })), "{stuck:?}");
    assert_eq!(ground.rows().await?, ["a 1", "b 2"]);
    let unsaid = ground.operator.discard(&ledger(), "b", " ", SOON).await;
    assert!(matches!(unsaid, Err(OperateError::NoReason)), "{unsaid:?}");
    ground.operator.discard(&ledger(), "b", "another one", SOON).await?;
    let nothing = ground.operator.retry(&ledger(), "b", "once more", SOON).await;

    assert!(matches!(nothing, Err(OperateError::NothingParked(_))), "{nothing:?}");
    assert_eq!(ground.rows().await?, ["a 1", "b 2", "b 4"]);
    let audit = [("discard", "a typing error"), ("discard", "another one")];
    assert_eq!(ground.audit().await?, audit.map(|(verb, reason)| (verb.to_owned(), reason.to_owned())));
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_discard_that_was_asked_twice_discards_the_one_event_that_was_looked_at() -> TestResult {
    let ground = Ground::with::<Parks>(&[("b", 1, "break"), ("b", 3, "break")]).await?;
    let end = ground.append(&["b", "b", "b", "b"]).await?;
    ground.reach(end).await?;
    // Nobody is there to serve it, so it is asked again.
    ground.operator.pause(&ledger(), "to be alone").await?;
    while ground.operator.list().await?[0].leased > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..2 {
        let unserved = ground.operator.discard(&ledger(), "b", "a typing error", Duration::ZERO).await;
        assert!(matches!(unserved, Err(OperateError::Unserved)), "{unserved:?}");
    }

    ground.operator.resume(&ledger(), "go on").await?;
    let outcomes = ground.outcomes(2).await?;
    assert!(
        outcomes[0].contains("cannot be applied") && outcomes[1].contains("nothing was discarded"),
        "{outcomes:?}"
    );
    assert_eq!(ground.rows().await?, ["b 2"]);
    let parked: i64 = ground.client.query_one("select count(*) from annals.parked", &[]).await?.get(0);
    assert_eq!(parked, 2, "the poison that nobody has looked at, and what waits behind it");
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_discard_of_an_event_that_was_applied_meanwhile_says_that_nothing_was_discarded() -> TestResult {
    let ground = Ground::with::<Parks>(&[("b", 1, "refuse")]).await?;
    let end = ground.append(&["b"]).await?;
    ground.reach(end).await?;
    ground.operator.pause(&ledger(), "to be alone").await?;
    while ground.operator.list().await?[0].leased > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let retried = ground.operator.retry(&ledger(), "b", "it is allowed now", Duration::ZERO).await;
    let discarded = ground.operator.discard(&ledger(), "b", "to be sure", Duration::ZERO).await;
    for asked in [retried, discarded] {
        assert!(matches!(asked, Err(OperateError::Unserved)), "{asked:?}");
    }
    ground.client.batch_execute("delete from forbidden").await?;
    ground.operator.resume(&ledger(), "go on").await?;

    assert_eq!(
        ground.outcomes(2).await?[1],
        "the event at position 1 is parked no more; nothing was discarded"
    );
    assert_eq!(ground.rows().await?, ["b 1"]);
    assert_eq!(ground.audit().await?.iter().filter(|(verb, _)| verb == "discard").count(), 0);
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_fault_that_passes_parks_nothing_and_is_tried_until_it_has_passed() -> TestResult {
    let ground = Ground::with::<Parks>(&[("b", 1, "deadlock")]).await?;

    let end = ground.append(&["a", "b", "c"]).await?;
    ground.reach(end).await?;

    let attempts: i64 = ground.client.query_one("select last_value from attempts", &[]).await?.get(0);
    println!("applied at attempt {attempts}");
    assert_eq!(attempts, 4);
    assert_eq!(ground.rows().await?, ["a 1", "b 1", "c 1"]);
    assert_eq!(ground.parked().await?, []);
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_event_is_tried_as_often_as_the_policy_says_before_it_is_parked() -> TestResult {
    let ground = Ground::with::<TriesThrice>(&[("b", 1, "refuse")]).await?;

    let end = ground.append(&["a", "b"]).await?;
    ground.reach(end).await?;

    assert_eq!(ground.parked().await?, [refused("b", 3)]);
    assert_eq!(ground.rows().await?, ["a 1"]);
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_skipped_is_in_the_audit_and_its_key_goes_on() -> TestResult {
    let ground = Ground::with::<Skips>(&[("b", 1, "refuse")]).await?;

    let end = ground.append(&["a", "b", "b"]).await?;
    ground.reach(end).await?;

    assert_eq!(ground.rows().await?, ["a 1", "b 2"]);
    assert_eq!(ground.parked().await?, []);
    assert_eq!(ground.audit().await?, [("skip".to_owned(), "it is forbidden".to_owned())]);
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_slot_that_stops_keeps_nothing_of_its_batch_and_goes_on_when_it_is_resumed() -> TestResult {
    let ground = Ground::with::<Stops>(&[("b", 1, "refuse")]).await?;

    let end = ground.append(&["a", "b", "c"]).await?;
    let why = ground.stopped().await?;
    assert!(why.contains("cannot be applied: it is forbidden"), "{why}");
    assert_eq!(ground.rows().await?, [""; 0]);
    assert_eq!(ground.operator.list().await?[0].stopped, 1);

    ground.allow_everything().await?;
    ground.operator.resume(&ledger(), "it is allowed now").await?;
    ground.reach(end).await?;
    assert_eq!(ground.rows().await?, ["a 1", "b 1", "c 1"]);
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn one_event_is_skipped_with_a_reason_when_its_slot_comes_to_it() -> TestResult {
    let ground = Ground::with::<Stops>(&[("b", 1, "refuse")]).await?;
    let end = ground.append(&["a", "b", "b", "c"]).await?;
    ground.stopped().await?;
    let sql = "select position from annals.events join annals.streams using (stream_id)
               where stream_name = 'b' and events.version = 1";
    let poison: i64 = ground.client.query_one(sql, &[]).await?.get(0);
    let poison = GlobalPosition::try_from(poison)?;

    let nowhere = ground.operator.skip(&ledger(), GlobalPosition::END, "nothing is there").await;
    assert!(matches!(nowhere, Err(OperateError::NoSuchEvent(_))), "{nowhere:?}");
    ground.operator.skip(&ledger(), poison, "a typing error").await?;
    ground.operator.resume(&ledger(), "it is skipped").await?;
    ground.reach(end).await?;

    assert_eq!(ground.rows().await?, ["a 1", "b 2", "c 1"]);
    let audit = [("ask to skip", "a typing error"), ("resume", "it is skipped"), ("skip", "a typing error")];
    assert_eq!(ground.audit().await?, audit.map(|(verb, reason)| (verb.to_owned(), reason.to_owned())));
    let open = "select count(*) from annals.control where done_at is null";
    assert_eq!(ground.client.query_one(open, &[]).await?.get::<_, i64>(0), 0);
    ground.runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn parking_is_bounded_in_keys_and_in_events() -> TestResult {
    let three = [("a", 1, "refuse"), ("b", 1, "refuse"), ("c", 1, "refuse")];
    for (streams, told) in [(vec!["a", "b", "c"], "3 events of 3 keys"), (vec!["a"; 6], "6 events of 1 keys")]
    {
        let ground = Ground::with::<Parks>(&three).await?;

        ground.append(&streams).await?;
        let why = ground.stopped().await?;

        assert!(why.contains(told), "{why}");
        // A reader that comes by in the middle of the append gives the slot a part of it, which is parked.
        let parked = ground.parked().await?;
        assert!(parked.len() < streams.len() && parked.len() <= PARK.events_max, "{parked:?}");
        ground.runner.stop().await;
    }
    Ok(())
}
