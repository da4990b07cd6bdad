//! Commands to several aggregates: all or none, each on the state its events are stored behind.

use annals_aggregates::{Aggregate, Context, Events, Executed, Together, TogetherError};
use annals_eventstore::{Append, AppendError, Event, ExpectedVersion, NewEvent, StreamName, Version};

use crate::jar::{Jar, JarCommand, JarRefusal, jars, put_by_another};
use crate::scripted_store::{ScriptedStore, Step};

/// An aggregate of another type: it counts what it is told.
#[derive(Debug, Clone, Default)]
struct Tally(u64);

#[derive(Debug, Event)]
#[event(crate = annals_eventstore)]
enum TallyEvent {
    #[event(name = "counted")]
    Counted,
}

impl Aggregate for Tally {
    const CATEGORY: &'static str = "tally";
    type Id = &'static str;
    type Command = ();
    type Event = TallyEvent;
    type Refusal = std::convert::Infallible;

    fn decide(&self, (): (), _: &Context) -> Result<Events<TallyEvent>, Self::Refusal> {
        Ok(TallyEvent::Counted.into())
    }

    fn evolve(&mut self, _: &TallyEvent) {
        self.0 += 1;
    }
}

/// Moves coins from jar 1 to jar 2, and counts that.
fn moving(store: &ScriptedStore, coins: u64) -> Together<ScriptedStore> {
    let together = Together::new(store).command::<Jar>(&1, JarCommand::Take(coins));
    let together = together.and_then(|all| all.command::<Jar>(&2, JarCommand::Put(coins)));
    together.and_then(|all| all.command::<Tally>(&"moves", ())).expect("they have streams")
}

/// Both jars, and the tally.
async fn there(store: &ScriptedStore) -> (u64, u64, i64) {
    let jars = jars(store);
    let coins = async |id| jars.load(&id).await.expect("a jar").state.coins;
    let tally = annals_aggregates::Repository::<Tally, _>::new(store.clone());
    (coins(1).await, coins(2).await, tally.load(&"moves").await.expect("a tally").version.get())
}

async fn given_ten_coins() -> ScriptedStore {
    let store = ScriptedStore::default();
    jars(&store).execute(&1, JarCommand::Put(10), &Context::new()).await.expect("coins can be put in");
    store
}

#[tokio::test]
async fn commands_to_aggregates_of_several_types_are_stored_in_one_append() {
    let store = given_ten_coins().await;

    let done = moving(&store, 4).execute(&Context::new().acting_for("teller")).await.unwrap();

    assert_eq!(there(&store).await, (6, 4, 1));
    assert_eq!(store.appends(), 2, "one before, one for all");
    assert_eq!(done.receipt.streams.len(), 3);
    assert_eq!(done.loaded::<Jar>(&1), Some(&jars(&store).load(&1).await.unwrap()));
    assert_eq!(done.loaded::<Tally>(&"moves").map(|tally| tally.state.0), Some(1));
    let events = store.all().await;
    assert!(events[1..].iter().all(|event| event.metadata().actor.as_deref() == Some("teller")));
}

#[tokio::test]
async fn one_refusal_refuses_all_and_says_whose_it_is() {
    let store = given_ten_coins().await;

    let refused = moving(&store, 11).execute(&Context::new()).await.expect_err("ten are there");

    assert_eq!(refused.refusal(), Some(&JarRefusal::NotEnough { coins: 10, wanted: 11 }));
    assert_eq!(refused.to_string(), "11 coins wanted, 10 in the jar");
    assert!(
        matches!(&refused, TogetherError::Refused { stream, command: 0, .. } if stream.as_str() == "jar-1")
    );
    assert!(!refused.is_transient());
    assert_eq!(there(&store).await, (10, 0, 0));
}

#[tokio::test]
async fn a_command_sees_what_those_before_it_decided_for_the_same_aggregate() {
    let store = given_ten_coins().await;
    let take = |coins| JarCommand::Take(coins);
    let twice = |first, second| {
        let one = Together::new(&store).command::<Jar>(&1, take(first)).unwrap();
        one.command::<Jar>(&1, take(second)).unwrap()
    };

    let refused = twice(6, 5).execute(&Context::new()).await.expect_err("four are left");
    let done = twice(6, 4).execute(&Context::new()).await.unwrap();

    assert_eq!(refused.refusal(), Some(&JarRefusal::NotEnough { coins: 4, wanted: 5 }));
    assert_eq!(done.receipt.streams.len(), 1);
    assert_eq!(done.loaded::<Jar>(&1).unwrap().version.get(), 3);
    assert_eq!(there(&store).await, (0, 0, 0));
}

#[tokio::test]
async fn a_lost_race_is_decided_again_by_all_after_reading_only_what_is_new() {
    let store = given_ten_coins().await;
    store.then([Step::After(put_by_another(100))]);
    store.take_events_read();

    moving(&store, 5).execute(&Context::new()).await.unwrap();

    assert_eq!(store.take_events_read(), 1 + 1, "what was there, then what is new");
    assert_eq!(there(&store).await, (105, 5, 1));
}

#[tokio::test]
async fn an_aggregate_that_decided_nothing_guards_the_others() {
    let store = given_ten_coins().await;
    let watched = || Together::new(&store).command::<Jar>(&1, JarCommand::Put(0)).unwrap();
    store.then([Step::After(put_by_another(1))]);

    let once = watched().command::<Jar>(&2, JarCommand::Put(1)).unwrap().attempts(1);
    let lost = once.execute(&Context::new()).await.expect_err("jar 1 changed");

    assert!(matches!(&lost, TogetherError::Conflict { attempts: 1, .. }), "{lost:?}");
    assert!(lost.is_transient());
    assert_eq!(there(&store).await.1, 0);
    let nothing = watched().execute(&Context::new()).await.unwrap();
    assert!(nothing.receipt.streams.is_empty());
}

#[tokio::test]
async fn a_stream_that_is_not_as_demanded_ends_it_at_the_first_attempt() {
    let store = given_ten_coins().await;
    let currency: StreamName = "currency-eur".parse().unwrap();

    for expected in [ExpectedVersion::StreamExists, Version::FIRST.into()] {
        let refused = moving(&store, 1).check(currency.clone(), expected).execute(&Context::new()).await;
        let refused = refused.expect_err("there is no such stream");
        assert!(matches!(refused, TogetherError::Conflict { attempts: 1, .. }), "{refused:?}");
    }
    store_append(&store, currency.clone()).await;
    moving(&store, 1).check(currency, Version::FIRST).execute(&Context::new()).await.unwrap();

    assert_eq!(there(&store).await, (9, 1, 1));
}

async fn store_append(store: &ScriptedStore, stream: StreamName) {
    use annals_eventstore::EventStore;
    let opened = NewEvent::new("opened", &1).expect("an event");
    store.append(Append::to(stream, [opened])).await.expect("an append");
}

#[tokio::test]
async fn a_repetition_under_a_key_has_one_effect_also_where_the_state_by_now_refuses() {
    let store = given_ten_coins().await;
    let once = |coins| moving(&store, coins).with_key("move 1");
    let first = once(10).execute(&Context::new()).await.unwrap();

    let again = once(10).execute(&Context::new()).await.unwrap();

    assert!(again.receipt.already_applied);
    let positions = |receipt: &annals_eventstore::AppendedMany| {
        receipt.streams.iter().map(|part| part.appended.to_position).collect::<Vec<_>>()
    };
    assert_eq!(positions(&again.receipt), positions(&first.receipt));
    assert_eq!(there(&store).await, (0, 10, 1));
    jars(&store).execute(&1, JarCommand::Put(50), &Context::new()).await.unwrap();
    let other = once(5).execute(&Context::new()).await.expect_err("another command under the same key");
    assert!(matches!(
        other,
        TogetherError::Fault(annals_aggregates::Fault::Append(AppendError::KeyReused { .. }))
    ));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    for step in [Step::StoredAndLost, Step::Lost] {
        let store = given_ten_coins().await;
        store.then([step]);

        let done = moving(&store, 3).execute(&Context::new()).await.unwrap();

        assert_eq!(there(&store).await, (7, 3, 1));
        assert_eq!(done.loaded::<Jar>(&2).unwrap().state.coins, 3);
    }
    let store = given_ten_coins().await;
    store.then((0..4).map(|_| Step::Lost));
    let unknown = moving(&store, 3).execute(&Context::new()).await.expect_err("it never arrives");
    assert!(matches!(unknown, TogetherError::OutcomeUnknown { sends: 4, .. }), "{unknown:?}");
    let executed = jars(&store).execute(&1, JarCommand::Take(10), &Context::new()).await.unwrap();
    assert!(matches!(executed, Executed::Applied { .. }));
}
