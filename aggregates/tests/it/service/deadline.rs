//! Nobody waits longer than it wants to, and learns what that means.

use std::time::Duration;

use annals_aggregates::service::{
    Command, CommandError, CommandId, CommandService, CommandServiceOptions, DeadlineError, DeadlineOwner,
};
use annals_aggregates::{Executed, HandleOptions, Handles};
use tokio::time::Instant;

use super::stub::{Does, Stub, command};
use crate::jar::{JarCommand, jars};
use crate::scripted_store::ScriptedStore;

const SECOND: Duration = Duration::from_secs(1);

fn within(deadline: Duration) -> CommandServiceOptions {
    CommandServiceOptions { deadline: Some(deadline), ..CommandServiceOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_began_and_is_not_answered_has_an_unknown_effect() {
    let stub = Stub::with([Does::Hangs]);
    let (command, begun) = (command(), Instant::now());
    let id = command.command_id;

    let late = stub.service(within(SECOND)).execute(command).await.expect_err("it hangs");

    let CommandError::Deadline(
        unknown @ DeadlineError::EffectUnknown { command_id, whose: DeadlineOwner::Service },
    ) = &late
    else {
        panic!("{late:?}")
    };
    assert_eq!((*command_id, begun.elapsed()), (id, SECOND));
    assert!(unknown.to_string().contains("with the same command id"), "{unknown}");
    assert!(late.may_have_effect() && late.is_transient());
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_taken_has_an_unknown_effect_though_nobody_said_that_it_began() {
    let stub = Stub::with([Does::TakesAndHangs]);

    let late = stub.service(within(SECOND)).execute(command()).await.expect_err("it hangs");

    assert!(matches!(late, CommandError::Deadline(DeadlineError::EffectUnknown { .. })), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_did_not_begin_has_no_effect() {
    let stub = Stub::with([Does::NeverBegins]);

    let late = stub.service(within(SECOND)).execute(command()).await.expect_err("it never begins");

    assert!(matches!(&late, CommandError::Deadline(DeadlineError::NotBegun { .. })), "{late:?}");
    assert!(late.to_string().contains("nothing was written"), "{late}");
    assert!(!late.may_have_effect() && late.is_transient());
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_deadline_has_passed_does_not_begin() {
    let stub = Stub::with([]);
    let passed = command().by(Instant::now());

    let late = stub.service(within(SECOND)).execute(passed).await.expect_err("it is too late");

    assert!(matches!(late, CommandError::Deadline(DeadlineError::NotBegun { .. })), "{late:?}");
    assert_eq!(stub.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_the_commands_deadline_and_the_services_the_earlier_one_holds() {
    let stub = Stub::with([Does::Hangs, Does::Hangs, Does::Hangs]);
    let begun = Instant::now();

    let sooner = stub.service(within(4 * SECOND)).execute(command().by(begun + SECOND)).await;
    assert_eq!(begun.elapsed(), SECOND);
    let later = stub.service(within(SECOND)).execute(command().by(begun + 9 * SECOND)).await;
    assert_eq!(begun.elapsed(), 2 * SECOND);
    let without = CommandServiceOptions { deadline: None, breaker: None, ..CommandServiceOptions::default() };
    let own = stub.service(without).execute(command().by(begun + 5 * SECOND)).await;
    assert_eq!(begun.elapsed(), 5 * SECOND);

    for late in [sooner, later, own] {
        assert!(matches!(late, Err(CommandError::Deadline(_))), "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_without_room_in_its_mailbox_has_not_begun_and_one_with_room_has() {
    let store = ScriptedStore::default();
    let gate = store.gated();
    let handles =
        Handles::new(jars(&store), HandleOptions { mailbox_commands: 1, ..HandleOptions::default() });
    let service = CommandService::new(handles, within(SECOND)).unwrap();
    let put = |coins, id: &str| {
        let (service, command) = (service.clone(), Command::new(1, JarCommand::Put(coins), id.into()));
        tokio::spawn(async move { service.execute(command).await })
    };
    let appending = put(1, "appending");
    gate.until_one_arrived().await;
    let waiting = put(10, "waiting");
    tokio::task::yield_now().await;

    let without_room = put(100, "without room").await.unwrap().expect_err("no room");
    let (appending, waiting) = (appending.await.unwrap(), waiting.await.unwrap());

    assert!(
        matches!(without_room, CommandError::Deadline(DeadlineError::NotBegun { .. })),
        "{without_room:?}"
    );
    for begun in [appending, waiting] {
        let begun = begun.expect_err("the log does not answer");
        assert!(matches!(begun, CommandError::Deadline(DeadlineError::EffectUnknown { .. })), "{begun:?}");
    }
    gate.let_through(10);
    let again = Command::new(1, JarCommand::Put(10), CommandId::from("waiting"));
    let again = service.execute(again).await.expect("the log is well again");
    assert!(matches!(again, Executed::Applied { .. }), "it had not been decided: {again:?}");
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 11);
}

#[tokio::test(start_paused = true)]
async fn a_command_in_a_mailbox_has_no_effect_after_its_repetition_elsewhere_was_refused() {
    let store = ScriptedStore::default();
    let gate = store.gated();
    let here =
        CommandService::new(Handles::new(jars(&store), HandleOptions::default()), within(SECOND)).unwrap();
    let elsewhere = CommandService::new(jars(&store), within(SECOND)).unwrap();
    let put = Command::new(1, JarCommand::Put(5), CommandId::from("put"));
    let take = || Command::new(1, JarCommand::Take(5), CommandId::from("take"));
    let putting = here.clone();
    let putting = tokio::spawn(async move { putting.execute(put).await });
    gate.until_one_arrived().await;

    let late =
        here.execute(take().by(Instant::now() + SECOND / 2)).await.expect_err("it waits in the mailbox");
    let refused = elsewhere.execute(take()).await.expect_err("there is nothing in the jar");
    gate.let_through(10);
    putting.await.unwrap().expect("it is stored in time");
    here.shut_down().await;

    assert!(late.may_have_effect(), "{late:?}");
    assert!(refused.refusal().is_some(), "{refused:?}");
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 5);
}
