//! The life of an aggregate in memory: brought in once, crowded, idle, panicking, shut down.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use annals_aggregates::{Context, Executed, HandleError, HandleOptions, Handles, SnapshotPolicy};

use crate::handle::handles;
use crate::jar::{JarCommand, JarRefusal, jars};
use crate::scripted_store::ScriptedStore;

#[tokio::test]
async fn however_many_ask_at_once_an_aggregate_is_brought_in_once() {
    let store = ScriptedStore::default();
    jars(&store).execute(&1, JarCommand::Put(50), &Context::new()).await.unwrap();
    let handles = handles(&store);
    store.take_reads();

    let callers: Vec<_> = (0..50)
        .map(|_| {
            let handles = handles.clone();
            tokio::spawn(async move { handles.execute(&1, JarCommand::Take(1), &Context::new()).await })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }

    assert_eq!((handles.live(), store.take_reads()), (1, 1));
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 0);
}

#[tokio::test]
async fn a_full_mailbox_refuses_or_is_waited_for_as_the_caller_wishes() {
    let store = ScriptedStore::default();
    let gate = store.gated();
    let options = HandleOptions { mailbox_commands: 2, ..HandleOptions::default() };
    let handles = Handles::new(jars(&store), options);
    let put = |coins| {
        let handles = handles.clone();
        tokio::spawn(async move { handles.execute(&1, JarCommand::Put(coins), &Context::new()).await })
    };
    let first = put(1);
    gate.until_one_arrived().await;
    let waiting: Vec<_> = (0..5).map(|_| put(1)).collect();
    tokio::task::yield_now().await;

    let refused = handles.try_execute(&1, JarCommand::Put(1), &Context::new()).await.unwrap_err();
    let elsewhere = handles.try_execute(&2, JarCommand::Put(0), &Context::new()).await;

    assert!(
        matches!(&refused, HandleError::Busy { commands: 2, stream } if stream.as_str() == "jar-1"),
        "{refused:?}"
    );
    assert!(refused.is_transient());
    assert!(matches!(elsewhere, Ok(Executed::NothingToDo(_))), "{elsewhere:?}");
    gate.let_through(100);
    for caller in std::iter::once(first).chain(waiting) {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 6);
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_that_is_asked_nothing_leaves_memory_and_comes_back_when_asked() {
    let store = ScriptedStore::default();
    let idle = Duration::from_secs(5);
    let handles = Handles::new(jars(&store), HandleOptions { idle, ..HandleOptions::default() });
    for id in [1, 2] {
        handles.execute(&id, JarCommand::Put(5), &Context::new()).await.unwrap();
    }
    tokio::time::sleep(idle / 2).await;
    handles.execute(&2, JarCommand::Put(5), &Context::new()).await.unwrap();

    assert_eq!(handles.live(), 2);
    tokio::time::sleep(idle * 3 / 4).await;
    assert_eq!(handles.live(), 1, "jar 2 was asked since");
    tokio::time::sleep(idle).await;
    assert_eq!(handles.live(), 0);
    jars(&store).execute(&1, JarCommand::Put(1), &Context::new()).await.unwrap();
    store.take_reads();
    let back = handles.execute(&1, JarCommand::Take(6), &Context::new()).await.unwrap();

    assert_eq!(back.loaded().unwrap().state.coins, 0);
    assert_eq!((handles.live(), store.take_reads()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_comes_while_the_aggregate_leaves_is_carried_out() {
    let store = ScriptedStore::default();
    let idle = Duration::from_millis(1);
    let handles = Handles::new(jars(&store), HandleOptions { idle, ..HandleOptions::default() });

    for n in 0..500_u32 {
        handles.execute(&1, JarCommand::Put(1), &Context::new()).await.unwrap();
        // Just as long as it takes to go away, more or less.
        tokio::time::sleep(Duration::from_micros(900 + u64::from(n % 3) * 100)).await;
    }

    assert!(store.take_reads() > 100, "it hardly ever left memory");
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 500);
}

#[tokio::test]
async fn a_panic_fails_the_command_that_led_to_it_and_no_other() {
    let store = ScriptedStore::default();
    let gate = store.gated();
    let handles = handles(&store);
    let send = |command| {
        let handles = handles.clone();
        tokio::spawn(async move { handles.execute(&1, command, &Context::new()).await })
    };
    let first = send(JarCommand::Put(10));
    gate.until_one_arrived().await;
    let commands = [
        JarCommand::Take(1),
        JarCommand::Drop,
        JarCommand::Take(2),
        JarCommand::Crack,
        JarCommand::Take(8),
        JarCommand::Take(3),
    ];
    let mut others = Vec::new();
    for command in commands {
        others.push(send(command));
        tokio::task::yield_now().await;
    }
    gate.let_through(10);
    first.await.unwrap().unwrap();

    let mut answers = Vec::new();
    for other in others {
        answers.push(other.await.unwrap());
    }

    for (index, said) in [(1, "the jar fell down"), (3, "the jar is cracked")] {
        let panicked = answers[index].as_ref().unwrap_err();
        assert!(
            matches!(panicked, HandleError::Panicked { message, stream } if message == said && stream.as_str() == "jar-1"),
            "{panicked:?}"
        );
        assert!(!panicked.is_transient());
    }
    let refusal = answers[4].as_ref().unwrap_err().refusal();
    assert_eq!(refusal, Some(&JarRefusal::NotEnough { coins: 7, wanted: 8 }), "nothing of the crack is left");
    assert_eq!(answers[5].as_ref().unwrap().loaded().unwrap().state.coins, 4);
    assert_eq!(store.batches(), [1, 3]);
    assert_eq!(handles.live(), 1);
}

#[tokio::test]
async fn an_event_that_panics_while_it_is_replayed_is_told_and_the_aggregate_can_be_asked_again() {
    use annals_eventstore::{Append, EventStore, NewEvent};
    let store = ScriptedStore::default();
    let cracked = NewEvent::new("jar-cracked", &()).unwrap();
    store.append(Append::to(crate::jar::jar_1(), [cracked])).await.unwrap();
    let handles = handles(&store);

    for _ in 0..2 {
        let panicked = handles.execute(&1, JarCommand::Put(1), &Context::new()).await.unwrap_err();
        assert!(matches!(&panicked, HandleError::Panicked { .. }), "{panicked:?}");
    }
    handles.execute(&2, JarCommand::Put(1), &Context::new()).await.unwrap();
}

#[tokio::test]
async fn shutting_down_carries_out_what_waits_and_lets_nothing_more_in() {
    let store = ScriptedStore::default();
    let gate = store.gated();
    let options = HandleOptions { mailbox_commands: 4, ..HandleOptions::default() };
    let handles = Handles::new(jars(&store).with_snapshots(SnapshotPolicy::every(1)), options);
    let put = || {
        let handles = handles.clone();
        tokio::spawn(async move { handles.execute(&1, JarCommand::Put(1), &Context::new()).await })
    };
    let first = put();
    gate.until_one_arrived().await;
    // Four find room, three wait for it.
    let waiting: Vec<_> = (0..7).map(|_| put()).collect();
    tokio::task::yield_now().await;
    let closing = tokio::spawn({
        let handles = handles.clone();
        async move { handles.shut_down().await }
    });
    tokio::task::yield_now().await;
    let late = handles.execute(&2, JarCommand::Put(1), &Context::new()).await;
    gate.let_through(100);

    closing.await.unwrap();

    assert!(matches!(late, Err(HandleError::ShutDown)), "{late:?}");
    let (mut done, mut turned_away) = (0_u64, 0);
    for caller in std::iter::once(first).chain(waiting) {
        assert!(caller.is_finished(), "shut down before everybody was answered");
        match caller.await.unwrap() {
            Ok(Executed::Applied { .. }) => done += 1,
            Err(HandleError::ShutDown) => turned_away += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((done + turned_away, handles.live()), (8, 0));
    assert!(done >= 5, "{done} of those that arrived were carried out");
    let left = jars(&store).load(&1).await.unwrap();
    assert_eq!(left.state.coins, done, "what was answered is stored, and nothing else");
    assert!(store.snapshots_written() > 0, "a snapshot that was due is not written");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_its_command_behind() {
    let store = ScriptedStore::default();
    let (gate, handles) = (store.gated(), handles(&store));
    let gone = tokio::spawn({
        let handles = handles.clone();
        async move { handles.execute(&1, JarCommand::Put(7), &Context::new()).await }
    });
    gate.until_one_arrived().await;

    gone.abort();
    gate.let_through(1);
    handles.shut_down().await;

    assert!(gone.await.unwrap_err().is_cancelled());
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 7);
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_that_somebody_is_on_the_way_to_stays_in_memory() {
    let (store, idle) = (ScriptedStore::default(), Duration::from_secs(5));
    let handles = Handles::new(jars(&store), HandleOptions { idle, ..HandleOptions::default() });
    handles.execute(&1, JarCommand::Put(1), &Context::new()).await.unwrap();
    store.take_reads();
    let caller = tokio::spawn({
        let handles = handles.clone();
        async move {
            // A task whose turn is over stops with the way in its hand, right before the mailbox.
            while tokio::task::coop::has_budget_remaining() {
                tokio::task::coop::consume_budget().await;
            }
            let context = Context::new();
            let mut asked = pin!(handles.execute(&1, JarCommand::Put(1), &context));
            let stops = poll_fn(|task| Poll::Ready(asked.as_mut().poll(task).is_pending())).await;
            assert!(stops, "the command is in the mailbox already");
            tokio::time::sleep(idle * 3).await;
            let live = handles.live();
            (live, asked.await)
        }
    });

    let (live, answer) = caller.await.unwrap();

    assert_eq!(live, 1, "it was let go while somebody was on the way to it");
    assert_eq!(answer.unwrap().loaded().unwrap().state.coins, 2);
    assert_eq!(store.take_reads(), 0, "it never left memory");
    tokio::time::sleep(idle * 2).await;
    assert_eq!(handles.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_busy_aggregate_is_not_let_go_however_long_its_append_takes() {
    let (store, idle) = (ScriptedStore::default(), Duration::from_secs(5));
    let gate = store.gated();
    let options = HandleOptions { idle, mailbox_commands: 2, ..HandleOptions::default() };
    let handles = Handles::new(jars(&store), options);
    let put = || {
        let handles = handles.clone();
        tokio::spawn(async move { handles.execute(&1, JarCommand::Put(1), &Context::new()).await })
    };
    let first = put();
    gate.until_one_arrived().await;
    // Two find room, two wait for it.
    let waiting: Vec<_> = (0..4).map(|_| put()).collect();
    drop(handles);

    for _ in 0..4 {
        tokio::time::sleep(idle * 10).await;
        gate.let_through(1);
    }

    for caller in std::iter::once(first).chain(waiting) {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 5);
    assert_eq!(store.take_reads(), 1 + 1, "it was brought in once, and read by this test");
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_carried_out_when_every_handle_is_dropped_and_nobody_waits_for_the_answer() {
    let store = ScriptedStore::default();
    let (gate, handles) = (store.gated(), handles(&store));
    let put = || {
        let handles = handles.clone();
        tokio::spawn(async move { handles.execute(&1, JarCommand::Put(1), &Context::new()).await })
    };
    let first = put();
    gate.until_one_arrived().await;
    let waiting: Vec<_> = (0..3).map(|_| put()).collect();
    tokio::task::yield_now().await;

    drop(handles);
    for caller in std::iter::once(first).chain(waiting) {
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
    }
    gate.let_through(2);

    // Time passes when nobody has anything left to do.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_is_lost_where_aggregates_leave_memory_and_come_back_all_the_time() {
    let store = ScriptedStore::default();
    let options = HandleOptions { idle: Duration::ZERO, ..HandleOptions::default() };
    let handles = Handles::new(jars(&store), options);
    let (callers, commands) = (4_u64, 300_u64);
    let asking: Vec<_> = (0..callers)
        .map(|_| {
            let handles = handles.clone();
            tokio::spawn(async move {
                for command in 0..commands {
                    handles.execute(&1, JarCommand::Put(1), &Context::new()).await.expect("nobody was lost");
                    // Now and then until it has left, and right behind that.
                    while command % 3 == 2 && handles.live() > 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    for caller in asking {
        caller.await.unwrap();
    }

    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, callers * commands);
    assert!(store.take_reads() > 100, "it hardly ever left memory");
}
