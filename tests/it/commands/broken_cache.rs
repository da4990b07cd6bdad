//! The checker finds what a cache does that is filled before the commit, every time: the schedule leaves nothing to
//! chance.
//!
//! ```text
//! puts 10 ................................................... version 1
//! takes 4, and before each of its appends another puts 5: given up at version 3, nothing of it is stored.
//!        A cache that was filled before the commit holds 15 - 4 coins at version 3; there are 20.
//! puts 1 ........................ on what the cache holds ..... version 4
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use annals::aggregates::{Aggregate, Baseline, Context, ExecuteOptions, Repository, States};
use annals::eventstore::{Append, ExpectedVersion, PostgresStore, StreamName};
use annals_devdb::{TestFailure, TestResult};

use super::checker::faults;
use super::record::{Answer, Attempt, Record};
use super::vault::{Ask, Change, Order, Vault};
use super::watched::{BeforeAppend, Watched};
use crate::support::TestDb;

/// When the cache is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    AfterTheCommit,
    BeforeTheCommit,
}

/// A cache that keeps whatever it is given.
#[derive(Default)]
struct Shelf(Mutex<HashMap<StreamName, Baseline<Vault>>>);

impl Shelf {
    fn states(&self) -> MutexGuard<'_, HashMap<StreamName, Baseline<Vault>>> {
        self.0.lock().expect("nobody panics at the shelf")
    }
}

impl States<Vault> for Shelf {
    fn get(&self, stream: &StreamName) -> Option<Baseline<Vault>> {
        self.states().get(stream).cloned()
    }

    fn put(&self, stream: &StreamName, baseline: Baseline<Vault>) {
        self.states().insert(stream.clone(), baseline);
    }

    fn forget(&self, stream: &StreamName) {
        self.states().remove(stream);
    }
}

/// Sends commands to vault 1, one after another, and notes the answers.
struct Cast {
    record: Arc<Record>,
    plain: Repository<Vault, PostgresStore>,
}

impl Cast {
    /// Sends a command that is given up when it meets another.
    async fn send(&self, to: &Repository<Vault, Watched>, number: u64, ask: Ask) {
        let order = Order { number, ask };
        let known = self.record.known(1, order);
        let once = ExecuteOptions { attempts: 1, ..ExecuteOptions::default() };
        let answer = Answer::of(to.execute_with(&1, order, &Context::new(), once).await);
        self.record.note(Attempt { vault: 1, order, known, answer });
    }

    /// A rival that puts 5 before each append of the command that takes, and the cache, where it is broken.
    fn before_append(&self, shelf: Arc<Shelf>, filled: Filled) -> BeforeAppend {
        let (record, plain) = (Arc::clone(&self.record), self.plain.clone());
        Arc::new(move |append| {
            let (record, plain, shelf) = (Arc::clone(&record), plain.clone(), Arc::clone(&shelf));
            Box::pin(async move {
                if filled == Filled::BeforeTheCommit {
                    fill(&plain, &shelf, &append).await;
                }
                if append.events.iter().any(|event| event.event_type.as_str() == "coins-taken") {
                    let number = 100 + record.times("accepted");
                    let order = Order { number, ask: Ask::Put(5) };
                    let known = record.known(1, order);
                    let answer = Answer::of(plain.execute(&1, order, &Context::new()).await);
                    record.note(Attempt { vault: 1, order, known, answer });
                }
            })
        })
    }
}

/// Keeps what the append would lead to.
async fn fill(plain: &Repository<Vault, PostgresStore>, shelf: &Shelf, append: &Append) {
    let ExpectedVersion::Exact(version) = append.expected else { return };
    let mut loaded = plain.load_at(&1, version).await.expect("it was there a moment ago");
    for event in &append.events {
        let data: serde_json::Value = event.data.decode().expect("it was written a moment ago");
        let number = |name: &str| data[name].as_u64().expect("a number");
        let (order, coins) = (number("order"), number("coins"));
        loaded.state.evolve(&match event.event_type.as_str() {
            "coins-put" => Change::Put { order, coins },
            _ => Change::Taken { order, coins },
        });
        loaded.version = loaded.version.next();
    }
    shelf.put(&append.stream, Baseline::new(loaded));
}

/// Plays the schedule and returns what the checker finds.
async fn found(filled: Filled) -> Result<Vec<String>, TestFailure> {
    let (db, record) = (TestDb::fresh().await?, Arc::<Record>::default());
    let cast = Cast { record: Arc::clone(&record), plain: Repository::new(db.store()) };
    let shelf = Arc::<Shelf>::default();
    let store = Watched::new(db.store(), Arc::clone(&record))
        .before_append(cast.before_append(Arc::clone(&shelf), filled));
    let cached = Repository::new(store).with_states(shelf);

    cast.send(&cached, 1, Ask::Put(10)).await;
    cast.send(&cached, 2, Ask::Take(4)).await;
    cast.send(&cached, 3, Ask::Put(1)).await;

    assert_eq!(record.times("given up after conflicts"), 1, "{}", record.lines());
    assert_eq!(record.times("accepted"), 4, "{}", record.lines());
    faults(&db.store(), &record.attempts()).await
}

#[tokio::test]
async fn a_cache_that_is_filled_before_the_commit_is_found_out() -> TestResult {
    let faults = found(Filled::BeforeTheCommit).await?;

    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(faults[0].contains("Order { number: 3"), "{faults:#?}");
    assert!(faults[0].contains("coins: 12"), "15 - 4 + 1, and there are 21: {faults:#?}");
    Ok(())
}

#[tokio::test]
async fn a_cache_that_is_filled_after_the_commit_passes_the_same_schedule() -> TestResult {
    assert_eq!(found(Filled::AfterTheCommit).await?, Vec::<String>::new());
    Ok(())
}
