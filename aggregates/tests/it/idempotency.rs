//! Idempotency keys: a command under a key has one effect, however often it comes.

use annals_aggregates::{Context, ExecuteError, ExecuteOptions, Executed, Fault};
use annals_eventstore::{AppendError, Fingerprint};

use crate::jar::{JarCommand, jars, put_by_another};
use crate::scripted_store::{ScriptedStore, Step};

#[tokio::test]
async fn a_key_that_comes_again_answers_already_applied_and_has_one_effect() {
    let store = ScriptedStore::default();
    let jars = jars(&store);
    let once = ExecuteOptions::keyed("allowance of May");
    let first = jars.execute_with(&1, JarCommand::Put(5), &Context::new(), once).await.unwrap();
    jars.execute(&1, JarCommand::Put(1), &Context::new()).await.unwrap();

    let again = jars.execute_with(&1, JarCommand::Put(5), &Context::new(), once).await.unwrap();

    assert!(matches!(&again, Executed::AlreadyApplied(receipt) if receipt.from_version.get() == 1));
    assert_eq!(again.position(), first.position());
    assert!(again.events().is_empty());
    assert_eq!(jars.load(&1).await.unwrap().state.coins, 6);
}

#[tokio::test]
async fn a_race_lost_to_the_same_command_has_one_effect_too() {
    let store = ScriptedStore::with([Step::After(put_by_another(5).with_key("allowance of May"))]);
    let once = ExecuteOptions::keyed("allowance of May");

    let executed = jars(&store).execute_with(&1, JarCommand::Put(5), &Context::new(), once).await.unwrap();

    assert!(matches!(executed, Executed::AlreadyApplied(_)));
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 5);
}

#[tokio::test]
async fn a_key_used_for_another_command_is_a_fault_and_writes_nothing() {
    let store = ScriptedStore::default();
    let once = ExecuteOptions::keyed("allowance of May");
    jars(&store).execute_with(&1, JarCommand::Put(5), &Context::new(), once).await.unwrap();

    let fault = jars(&store).execute_with(&1, JarCommand::Put(50), &Context::new(), once).await;

    let fault = fault.expect_err("another command");
    assert!(matches!(&fault, ExecuteError::Fault(Fault::Append(AppendError::KeyReused { .. }))));
    assert!(!fault.is_transient());
    assert_eq!(store.all().await.len(), 1);
}

#[tokio::test]
async fn a_fingerprint_of_the_command_recognises_it_where_it_is_decided_differently() {
    let store = ScriptedStore::default();
    let once = ExecuteOptions::keyed("stamp of May").with_fingerprint(Fingerprint::of("stamp"));
    jars(&store).execute_with(&1, JarCommand::Stamp, &Context::new(), once).await.unwrap();

    let again = jars(&store).execute_with(&1, JarCommand::Stamp, &Context::new(), once).await.unwrap();

    assert!(matches!(again, Executed::AlreadyApplied(_)));
    assert_eq!(store.all().await.len(), 1);
}

#[tokio::test]
async fn a_repetition_that_the_state_by_now_refuses_is_answered_with_the_first_result() {
    let store = ScriptedStore::default();
    let jars = jars(&store);
    jars.execute(&1, JarCommand::Put(5), &Context::new()).await.unwrap();
    let once = ExecuteOptions::keyed("ice cream of May");
    let first = jars.execute_with(&1, JarCommand::Take(5), &Context::new(), once).await.unwrap();

    let refused = jars.execute(&1, JarCommand::Take(5), &Context::new()).await;
    let again = jars.execute_with(&1, JarCommand::Take(5), &Context::new(), once).await.unwrap();

    assert!(matches!(refused, Err(ExecuteError::Refused(_))), "there is nothing left to take");
    assert!(matches!(again, Executed::AlreadyApplied(_)));
    assert_eq!(again.position(), first.position());
}
