//! Handles: commands that wait are decided in order and stored in one append, and each caller gets its own answer.

use std::sync::Arc;

use annals_aggregates::{
    Context, ExecuteError, ExecuteOptions, Executed, Fault, HandleError, HandleOptions, Handles,
};
use annals_eventstore::{Append, AppendError, Metadata, NewEvent};
use tokio::task::JoinHandle;

use crate::jar::{Jar, JarCommand, JarEvent, JarRefusal, jar_1, jars, put_by_another};
use crate::scripted_store::{Gate, ScriptedStore, Step};

type Answer = Result<Executed<Jar>, HandleError<JarRefusal>>;

pub(crate) fn handles(store: &ScriptedStore) -> Handles<Jar, ScriptedStore> {
    Handles::new(jars(store), HandleOptions::default())
}

/// Sends a command to jar 1 as a task of its own.
fn send(
    handles: &Handles<Jar, ScriptedStore>,
    command: JarCommand,
    options: ExecuteOptions,
) -> JoinHandle<Answer> {
    let handles = handles.clone();
    tokio::spawn(async move { handles.execute_with(&1, command, &Context::new(), options).await })
}

/// Holds up a first command at the gate, and sends others that wait behind it, in this order.
async fn behind_one(
    handles: &Handles<Jar, ScriptedStore>,
    gate: &Gate,
    commands: impl IntoIterator<Item = (JarCommand, ExecuteOptions)>,
) -> (JoinHandle<Answer>, Vec<JoinHandle<Answer>>) {
    let first = send(handles, JarCommand::Put(10), ExecuteOptions::default());
    gate.until_one_arrived().await;
    let mut others = Vec::new();
    for (command, options) in commands {
        others.push(send(handles, command, options));
        // On one thread a task that was spawned runs before this one goes on.
        tokio::task::yield_now().await;
    }
    (first, others)
}

fn plain(commands: impl IntoIterator<Item = JarCommand>) -> Vec<(JarCommand, ExecuteOptions)> {
    commands.into_iter().map(|command| (command, ExecuteOptions::default())).collect()
}

fn coins(answer: &Answer) -> Option<u64> {
    answer.as_ref().ok().and_then(Executed::loaded).map(|loaded| loaded.state.coins)
}

async fn answers(tasks: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("a caller does not panic"));
    }
    answers
}

#[tokio::test]
async fn commands_that_wait_are_decided_in_order_and_stored_in_one_append_each_with_its_own_answer() {
    let store = ScriptedStore::default();
    let (gate, handles) = (store.gated(), handles(&store));
    let commands =
        [JarCommand::Take(4), JarCommand::Take(7), JarCommand::Put(0), JarCommand::Put(5), JarCommand::Empty];
    let (first, others) = behind_one(&handles, &gate, plain(commands)).await;

    gate.let_through(1);
    gate.until_one_arrived().await;
    first.await.unwrap().unwrap();
    assert!(others.iter().all(|caller| !caller.is_finished()), "answered before the common append is over");
    gate.let_through(1);
    let answers = answers(others).await;

    assert_eq!(store.batches(), [1, 3]);
    assert_eq!(answers.iter().map(coins).collect::<Vec<_>>(), [Some(6), None, Some(6), Some(11), Some(0)]);
    let refused = answers[1].as_ref().expect_err("six are left").refusal();
    assert_eq!(refused, Some(&JarRefusal::NotEnough { coins: 6, wanted: 7 }));
    assert!(matches!(&answers[2], Ok(Executed::NothingToDo(_))));
    let all = store.all().await;
    let events = |answer: &Answer| answer.as_ref().unwrap().events().to_vec();
    assert_eq!(events(&answers[0]), [JarEvent::Taken(4)]);
    assert_eq!(events(&answers[3]), [JarEvent::Put(5)]);
    assert_eq!(events(&answers[4]).len(), 11);
    for (answer, last) in [(&answers[0], 1), (&answers[3], 2), (&answers[4], 13)] {
        let executed = answer.as_ref().unwrap();
        assert_eq!(executed.position(), Some(all[last].position));
        assert_eq!(executed.loaded().map(|loaded| loaded.version), Some(all[last].version));
    }
    assert_eq!(store.take_reads(), 1, "the aggregate was loaded once and never read again");
}

#[tokio::test]
async fn when_the_common_append_is_lost_all_are_decided_again_on_what_is_new() {
    let store = ScriptedStore::default();
    let (gate, handles) = (store.gated(), handles(&store));
    let (first, others) =
        behind_one(&handles, &gate, plain([JarCommand::Take(4), JarCommand::Take(4), JarCommand::Put(1)]))
            .await;
    gate.let_through(1);
    first.await.unwrap().unwrap();
    let rival = NewEvent::new("coins-taken", &5).unwrap();
    store.then([Step::After(Append::to(jar_1(), [rival]))]);

    gate.let_through(2);
    let answers = answers(others).await;

    assert_eq!(store.batches(), [1, 3, 2], "the second of them is refused now");
    assert_eq!(answers.iter().map(coins).collect::<Vec<_>>(), [Some(1), None, Some(2)]);
    let refused = answers[1].as_ref().expect_err("one is left").refusal();
    assert_eq!(refused, Some(&JarRefusal::NotEnough { coins: 1, wanted: 4 }));
    assert_eq!(store.all().await.len(), 4);
}

#[tokio::test]
async fn a_command_that_lost_every_attempt_it_wanted_is_a_conflict_and_the_others_go_on() {
    let store = ScriptedStore::default();
    let (gate, handles) = (store.gated(), handles(&store));
    let twice = ExecuteOptions { attempts: 2, ..ExecuteOptions::default() };
    let commands = [(JarCommand::Put(1), twice), (JarCommand::Put(2), ExecuteOptions::default())];
    let (first, others) = behind_one(&handles, &gate, commands).await;
    gate.let_through(1);
    first.await.unwrap().unwrap();
    // The first of these finds a state that was kept, and so does not count.
    store.then((0..3).map(|_| Step::After(put_by_another(100))));

    gate.let_through(4);
    let answers = answers(others).await;

    let lost = answers[0].as_ref().expect_err("others came first");
    assert!(matches!(lost, HandleError::Execute(ExecuteError::Conflict { attempts: 2, .. })), "{lost:?}");
    assert!(lost.is_transient());
    assert_eq!(coins(&answers[1]), Some(312));
}

#[tokio::test]
async fn a_refusal_from_memory_is_given_only_after_what_is_new_was_read() {
    let store = ScriptedStore::default();
    let handles = handles(&store);
    handles.execute(&1, JarCommand::Put(3), &Context::new()).await.unwrap();
    store.take_reads();

    let refused = handles.execute(&1, JarCommand::Take(5), &Context::new()).await;
    assert_eq!(refused.unwrap_err().refusal(), Some(&JarRefusal::NotEnough { coins: 3, wanted: 5 }));
    assert_eq!(store.take_reads(), 1);
    store.append_before_the_next_read(put_by_another(2));
    let taken = handles.execute(&1, JarCommand::Take(5), &Context::new()).await;

    assert_eq!(coins(&taken), Some(0));
    handles.execute(&1, JarCommand::Put(1), &Context::new()).await.unwrap();
    assert_eq!(store.take_reads(), 1, "an accepted command needs no read");
}

#[tokio::test]
async fn a_key_that_waits_twice_or_comes_back_later_has_one_effect() {
    let store = ScriptedStore::default();
    let (gate, handles) = (store.gated(), handles(&store));
    let once = ExecuteOptions::keyed("ice cream");
    let commands = [
        (JarCommand::Take(8), once),
        (JarCommand::Put(1), ExecuteOptions::default()),
        (JarCommand::Take(8), once),
    ];
    let (first, others) = behind_one(&handles, &gate, commands).await;
    gate.let_through(10);
    first.await.unwrap().unwrap();

    let answers = answers(others).await;
    let later = handles.execute_with(&1, JarCommand::Take(8), &Context::new(), once).await.unwrap();
    let other = handles.execute_with(&1, JarCommand::Take(1), &Context::new(), once).await;
    jars(&store).execute(&1, JarCommand::Put(50), &Context::new()).await.unwrap();
    let accepting = handles.execute_with(&1, JarCommand::Take(8), &Context::new(), once).await.unwrap();

    let receipt = answers[0].as_ref().unwrap().position();
    for again in [answers[2].as_ref().unwrap(), &later, &accepting] {
        assert!(matches!(again, Executed::AlreadyApplied(_)), "{again:?}");
        assert_eq!(again.position(), receipt);
    }
    let reused = matches!(
        &other,
        Err(HandleError::Execute(ExecuteError::Fault(Fault::Append(AppendError::KeyReused { .. }))))
    );
    assert!(reused, "{other:?}");
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 53);
}

#[tokio::test]
async fn a_claim_of_another_and_an_event_that_cannot_be_stored_fail_their_own_commands_only() {
    let store = ScriptedStore::default();
    jars(&store).execute(&2, JarCommand::Label("plums"), &Context::new()).await.unwrap();
    let (gate, handles) = (store.gated(), handles(&store));
    let commands =
        [JarCommand::Take(1), JarCommand::Label("plums"), JarCommand::Take(2), JarCommand::Label("pears")];
    let (first, mut others) = behind_one(&handles, &gate, plain(commands)).await;
    let metadata = Metadata { actor: Some("nobody\0".into()), ..Metadata::default() };
    others.push(tokio::spawn({
        let handles = handles.clone();
        async move { handles.execute(&1, JarCommand::Take(3), &Context::new().with_metadata(metadata)).await }
    }));
    tokio::task::yield_now().await;
    gate.let_through(100);
    first.await.unwrap().unwrap();

    let answers = answers(others).await;

    assert_eq!(answers.iter().map(coins).collect::<Vec<_>>(), [Some(9), None, Some(7), Some(7), None]);
    let claimed = answers[1].as_ref().unwrap_err();
    assert!(matches!(claimed, HandleError::Execute(ExecuteError::Claimed { .. })), "{claimed:?}");
    let unwritable = answers[4].as_ref().unwrap_err();
    assert!(
        matches!(
            unwritable,
            HandleError::Execute(ExecuteError::Fault(Fault::Append(
                AppendError::InvalidPayload { .. } | AppendError::Malformed(_)
            )))
        ),
        "{unwritable:?}"
    );
}

#[tokio::test]
async fn a_log_that_is_down_fails_those_who_had_events_and_an_unknown_outcome_is_no_failure() {
    let down = || Step::Failed(AppendError::Unavailable("connection refused".into()));
    for (steps, unknown) in [(vec![down()], false), ((0..4).map(|_| Step::Lost).collect(), true)] {
        let store = ScriptedStore::default();
        let (gate, handles) = (store.gated(), handles(&store));
        let (first, others) = behind_one(
            &handles,
            &gate,
            plain([JarCommand::Put(90), JarCommand::Take(50), JarCommand::Put(1)]),
        )
        .await;
        gate.let_through(1);
        first.await.unwrap().unwrap();
        store.then(steps);
        gate.let_through(100);

        let answers = answers(others).await;

        // The one that took from what never came to be is decided again, on what is there.
        let events = |index: usize| answers[index].as_ref().expect_err("it was not stored");
        for failed in [events(0), events(2)] {
            match failed {
                HandleError::Execute(ExecuteError::OutcomeUnknown { sends: 4, .. }) => assert!(unknown),
                HandleError::Execute(ExecuteError::Fault(Fault::Append(AppendError::Unavailable(_)))) => {
                    assert!(!unknown && failed.is_transient());
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(events(1), HandleError::Execute(_)));
        assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 10);
        assert_eq!(coins(&handles.execute(&1, JarCommand::Take(10), &Context::new()).await), Some(0));
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_by_the_whole_batch() {
    for step in [Step::StoredAndLost, Step::Lost] {
        let store = ScriptedStore::default();
        let (gate, handles) = (store.gated(), handles(&store));
        let once = ExecuteOptions::keyed("ice cream");
        let commands = [(JarCommand::Take(4), once), (JarCommand::Put(1), ExecuteOptions::default())];
        let (first, others) = behind_one(&handles, &gate, commands).await;
        gate.let_through(1);
        first.await.unwrap().unwrap();
        store.then([step]);
        gate.let_through(100);

        let answers = answers(others).await;

        assert_eq!(answers.iter().map(coins).collect::<Vec<_>>(), [Some(6), Some(7)]);
        assert_eq!(store.all().await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_of_one_aggregate_are_all_heard_without_a_conflict() {
    let store = ScriptedStore::default();
    let handles = Arc::new(handles(&store));
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let handles = Arc::clone(&handles);
            tokio::spawn(async move {
                for _ in 0..20 {
                    handles
                        .execute(&1, JarCommand::Put(1), &Context::new())
                        .await
                        .expect("nobody else writes");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }

    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 64 * 20);
    assert_eq!(store.batches().iter().sum::<usize>(), 64 * 20, "each decided once");
}
