//! States kept in memory: a baseline for the next command, never the truth.

use annals_aggregates::{CacheOptions, Context, ExecuteError, ExecuteOptions, Executed, Fault, Repository};
use annals_eventstore::{Append, AppendError, Fingerprint, NewEvent};

use crate::jar::{Jar, JarCommand, JarRefusal, jar_1, jars, put_by_another};
use crate::scripted_store::{ScriptedStore, Step};

/// Jars whose states are kept, jar 1 with ten coins among them.
async fn kept() -> (ScriptedStore, Repository<Jar, ScriptedStore>) {
    let store = ScriptedStore::default();
    let jars = jars(&store).with_cache(CacheOptions::default());
    jars.execute(&1, JarCommand::Put(10), &Context::new()).await.expect("coins can be put in");
    store.take_reads();
    (store, jars)
}

fn taken_by_another(coins: u64) -> Append {
    Append::to(jar_1(), [NewEvent::new("coins-taken", &coins).expect("an event")])
}

#[tokio::test]
async fn an_accepted_command_on_a_kept_state_is_one_append_and_nothing_else() {
    let (store, jars) = kept().await;

    for n in 1..=5 {
        let executed = jars.clone().execute(&1, JarCommand::Take(1), &Context::new()).await.unwrap();
        assert_eq!(executed.loaded().unwrap().state.coins, 10 - n);
    }

    assert_eq!((store.take_reads(), store.take_look_ups(), store.appends()), (0, 0, 1 + 5));
    let once = ExecuteOptions::keyed("allowance of May");
    jars.execute_with(&1, JarCommand::Put(1), &Context::new(), once).await.unwrap();
    assert_eq!((store.take_reads(), store.take_look_ups(), store.appends()), (0, 0, 1 + 6));
}

#[tokio::test]
async fn a_refusal_on_a_kept_state_is_given_only_after_what_is_new_was_read() {
    let (store, jars) = kept().await;

    let refused = jars.execute(&1, JarCommand::Take(11), &Context::new()).await.expect_err("ten are there");
    assert_eq!(refused.refusal(), Some(&JarRefusal::NotEnough { coins: 10, wanted: 11 }));
    assert_eq!(store.take_reads(), 1);

    store.append_before_the_next_read(put_by_another(5));
    let executed = jars.execute(&1, JarCommand::Take(11), &Context::new()).await.unwrap();
    assert_eq!(executed.loaded().unwrap().state.coins, 4);
    assert_eq!(store.take_reads(), 1);
}

#[tokio::test]
async fn nothing_to_do_on_a_kept_state_is_said_only_after_what_is_new_was_read() {
    let (store, jars) = kept().await;
    jars.execute(&1, JarCommand::Empty, &Context::new()).await.unwrap();

    store.append_before_the_next_read(put_by_another(2));
    let executed = jars.execute(&1, JarCommand::Empty, &Context::new()).await.unwrap();
    assert_eq!(executed.events().len(), 2);

    let nothing = jars.execute(&1, JarCommand::Empty, &Context::new()).await.unwrap();
    assert!(matches!(nothing, Executed::NothingToDo(loaded) if loaded.state.coins == 0));
}

#[tokio::test]
async fn a_stale_state_costs_an_attempt_that_does_not_count() {
    let (store, jars) = kept().await;
    let without_retry = ExecuteOptions { attempts: 1, ..ExecuteOptions::default() };
    store.then([Step::After(taken_by_another(7))]);

    let executed = jars.execute_with(&1, JarCommand::Take(3), &Context::new(), without_retry).await.unwrap();

    assert_eq!(executed.loaded().unwrap().state.coins, 0);
    assert_eq!(store.take_events_read(), 1, "only what is new");
    store.then([Step::After(put_by_another(1)), Step::After(put_by_another(1))]);
    let lost = jars.execute_with(&1, JarCommand::Put(1), &Context::new(), without_retry).await;
    assert!(matches!(lost, Err(ExecuteError::Conflict { attempts: 1, .. })), "{lost:?}");
}

#[tokio::test]
async fn nothing_is_kept_of_what_was_not_committed() {
    let (store, jars) = kept().await;
    let down = || AppendError::Unavailable("connection refused".into());

    store.then([Step::Failed(down())]);
    let fault = jars.execute(&1, JarCommand::Put(90), &Context::new()).await.expect_err("the log is down");
    assert!(matches!(fault, ExecuteError::Fault(Fault::Append(_))));
    store.then((0..4).map(|_| Step::Lost));
    let unknown = jars.execute(&1, JarCommand::Put(90), &Context::new()).await.expect_err("it never arrives");
    assert!(matches!(unknown, ExecuteError::OutcomeUnknown { .. }));

    let executed = jars.execute(&1, JarCommand::Take(1), &Context::new()).await.unwrap();
    assert_eq!(executed.loaded().unwrap().state.coins, 9);
    assert_eq!(jars.load(&1).await.unwrap().state.coins, 9);
}

#[tokio::test]
async fn a_repetition_on_a_kept_state_is_answered_with_the_first_result() {
    let (store, jars) = kept().await;
    let once = ExecuteOptions::keyed("ice cream").with_fingerprint(Fingerprint::of("ten coins"));
    let first = jars.execute_with(&1, JarCommand::Take(10), &Context::new(), once).await.unwrap();

    let refusing = jars.execute_with(&1, JarCommand::Take(10), &Context::new(), once).await.unwrap();
    jars.execute(&1, JarCommand::Put(10), &Context::new()).await.unwrap();
    let accepting = jars.execute_with(&1, JarCommand::Take(10), &Context::new(), once).await.unwrap();

    for again in [refusing, accepting] {
        assert!(matches!(again, Executed::AlreadyApplied(_)));
        assert_eq!(again.position(), first.position());
    }
    assert_eq!(
        jars.execute(&1, JarCommand::Take(1), &Context::new()).await.unwrap().loaded().unwrap().state.coins,
        9
    );
    assert_eq!(store.all().await.len(), 4);
}

#[tokio::test]
async fn a_command_that_is_sent_twice_at_once_is_not_refused_for_its_own_effect() {
    for with_cache in [false, true] {
        let (store, kept) = kept().await;
        let jars = if with_cache { kept } else { jars(&store) };
        if with_cache {
            // What is kept is stale already when the command comes, and refuses it.
            let taken = taken_by_another(10).with_key("ice cream");
            store.append_before_the_next_read(taken);
            let once = ExecuteOptions::keyed("ice cream");
            jars.execute(&1, JarCommand::Take(11), &Context::new()).await.expect_err("too many");
            let again = jars.execute_with(&1, JarCommand::Take(10), &Context::new(), once).await.unwrap();
            assert!(matches!(again, Executed::AlreadyApplied(_)), "{again:?}");
            continue;
        }
        // The other one is stored behind the look-up of the key and before the state is read.
        store.append_before_the_next_read(taken_by_another(10).with_key("ice cream"));
        let once = ExecuteOptions::keyed("ice cream");

        let executed = jars.execute_with(&1, JarCommand::Take(10), &Context::new(), once).await.unwrap();

        assert!(matches!(executed, Executed::AlreadyApplied(_)), "{executed:?}");
        assert_eq!(store.all().await.len(), 2);
    }
}

#[tokio::test]
async fn no_more_states_are_kept_than_was_said() {
    let store = ScriptedStore::default();
    let jars = jars(&store).with_cache(CacheOptions { states_max: 0, ..CacheOptions::default() });
    for _ in 0..2 {
        jars.execute(&1, JarCommand::Put(1), &Context::new()).await.unwrap();
    }

    assert_eq!(store.take_reads(), 2, "a cache without room keeps nothing");
}
