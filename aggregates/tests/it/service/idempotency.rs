//! A command that was accepted has one effect, however often it is sent under its id.

use annals_aggregates::service::{
    CarriesOut, Command, CommandError, CommandId, CommandService, CommandServiceOptions, IdempotencyError,
};
use annals_aggregates::{Context, Executed, HandleOptions, Handles, SnapshotPolicy};
use annals_eventstore::{CausationId, Fingerprint};

use crate::jar::{Jar, JarCommand, jars};
use crate::scripted_store::ScriptedStore;

fn service(carrier: impl CarriesOut<Jar>) -> CommandService<Jar> {
    CommandService::new(carrier, CommandServiceOptions::default()).expect("the options are good")
}

/// A command whose events differ each time it is decided.
fn stamp(id: &str) -> Command<Jar> {
    Command::new(1, JarCommand::Stamp, CommandId::from(id))
}

async fn sixty_four_at_once(service: CommandService<Jar>, store: &ScriptedStore) {
    let duplicates: Vec<_> = (0..64)
        .map(|_| {
            let service = service.clone();
            tokio::spawn(async move { service.execute(stamp("once")).await })
        })
        .collect();
    let mut applied = 0;
    for one in duplicates {
        match one.await.expect("a caller does not panic").expect("each is answered") {
            Executed::Applied { .. } => applied += 1,
            Executed::AlreadyApplied(receipt) => assert_eq!(receipt.from_version.get(), 1),
            other => panic!("{other:?}"),
        }
    }

    assert_eq!((applied, store.all().await.len()), (1, 1));
}

#[tokio::test]
async fn sixty_four_duplicates_at_once_have_one_effect_through_the_repository() {
    let store = ScriptedStore::default();
    sixty_four_at_once(service(jars(&store)), &store).await;
}

#[tokio::test]
async fn sixty_four_duplicates_at_once_have_one_effect_through_handles() {
    let store = ScriptedStore::default();
    sixty_four_at_once(service(Handles::new(jars(&store), HandleOptions::default())), &store).await;
}

#[tokio::test]
async fn a_repetition_through_another_service_and_behind_a_snapshot_is_known() {
    let store = ScriptedStore::default();
    let snapping = jars(&store).with_snapshots(SnapshotPolicy::every(1));
    let first = service(snapping.clone());
    let done = first.execute(stamp("once")).await.unwrap();
    first.shut_down().await;
    assert_eq!(store.snapshots_written(), 1);

    let again = service(snapping).execute(stamp("once")).await.unwrap();

    assert!(matches!(&again, Executed::AlreadyApplied(_)), "{again:?}");
    assert_eq!((again.position(), store.all().await.len()), (done.position(), 1));
}

#[tokio::test]
async fn an_id_that_is_used_for_another_command_is_refused_and_nothing_is_written() {
    let store = ScriptedStore::default();
    let service = service(jars(&store));
    service.execute(stamp("once")).await.unwrap();
    let hashed = |content| stamp("hashed").with_fingerprint(Fingerprint::of(content));
    service.execute(hashed("five coins")).await.unwrap();

    let others = [Command::new(2, JarCommand::Stamp, CommandId::from("once")), hashed("six coins")];
    for other in others {
        let id = other.command_id;
        let refused = service.execute(other).await.expect_err("another command");
        assert!(
            matches!(&refused, CommandError::Id(IdempotencyError::IdReused(reused)) if *reused == id),
            "{refused:?}"
        );
        let told = refused.to_string();
        assert!(told.contains("something was stored under it") && !refused.is_transient(), "{told}");
        assert!(told.contains("nothing was written now"), "{told}");
    }

    assert_eq!(store.all().await.len(), 2);
}

#[tokio::test]
async fn a_repetition_from_a_program_that_names_the_command_otherwise_is_known() {
    let store = ScriptedStore::default();
    let service = service(jars(&store));
    service.execute(stamp("once")).await.unwrap();

    let again = service.execute(stamp("once").named("renamed")).await.expect("it is the same command");

    assert!(matches!(again, Executed::AlreadyApplied(_)), "{again:?}");
    assert_eq!(store.all().await.len(), 1);
}

#[tokio::test]
async fn a_refusal_is_not_kept_the_command_is_decided_again_under_its_id() {
    let store = ScriptedStore::default();
    let service = service(jars(&store));
    let take = || Command::new(1, JarCommand::Take(5), CommandId::from("take"));

    let refused = service.execute(take()).await.expect_err("there is nothing in it");
    service.execute(Command::new(1, JarCommand::Put(5), CommandId::from("put"))).await.unwrap();
    let accepted = service.execute(take()).await.expect("now there is");
    let again = service.execute(take()).await.expect("it was accepted");

    assert!(refused.refusal().is_some(), "{refused:?}");
    assert!(matches!(accepted, Executed::Applied { .. }), "{accepted:?}");
    assert!(matches!(again, Executed::AlreadyApplied(_)), "{again:?}");
}

#[tokio::test]
async fn a_command_is_the_cause_of_its_events_unless_its_context_knows_another() {
    let store = ScriptedStore::default();
    let service = service(jars(&store));

    service.execute(stamp("once")).await.unwrap();
    let caused = Context::new().caused_by(CausationId::new("order-7"));
    service.execute(stamp("twice").within(caused)).await.unwrap();

    let causes: Vec<_> = store.all().await.iter().map(|event| event.metadata().causation_id).collect();
    let own = CommandId::from("once").key().as_uuid();
    assert_eq!(causes, [Some(own.into()), Some(CausationId::new("order-7"))]);
}
