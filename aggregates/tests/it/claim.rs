//! Unique claims: taken and released with the events of a decision, refused by name.

use annals_aggregates::test_kit::given;
use annals_aggregates::{
    Aggregate, CacheOptions, Context, ExecuteError, ExecuteOptions, Executed, ExecutedTogether, Fault,
    Together, TogetherError,
};
use annals_eventstore::{ClaimChange, EventStore};

use crate::jar::{Jar, JarCommand, JarEvent, jars, label};
use crate::scripted_store::ScriptedStore;

#[tokio::test]
async fn a_claim_is_taken_and_released_with_the_events() {
    for cached in [false, true] {
        let store = ScriptedStore::default();
        let plain = jars(&store);
        let jars = if cached { plain.with_cache(CacheOptions::default()) } else { plain };
        jars.execute(&1, JarCommand::Label("plums"), &Context::new()).await.unwrap();

        let held =
            jars.execute(&2, JarCommand::Label("plums"), &Context::new()).await.expect_err("jar 1 has it");
        assert!(
            matches!(&held, ExecuteError::Claimed { claim, holder }
                if *claim == label("plums") && *holder == Jar::stream_name(&1).unwrap()),
            "{held:?}"
        );
        assert_eq!(held.to_string(), "claim label plums is held by stream jar-1, nothing was written");
        assert!(held.refusal().is_none() && !held.is_transient());
        assert_eq!(jars.load(&2).await.unwrap().version.get(), 0);

        jars.execute(&1, JarCommand::Label("pears"), &Context::new()).await.unwrap();
        jars.execute(&2, JarCommand::Label("plums"), &Context::new()).await.unwrap();
        assert_eq!(store.claim_holder(&label("plums")).await.unwrap(), Some(Jar::stream_name(&2).unwrap()));
        assert_eq!(store.claim_holder(&label("pears")).await.unwrap(), Some(Jar::stream_name(&1).unwrap()));
    }
}

#[tokio::test]
async fn a_repeated_command_with_a_claim_is_recognised_by_its_key() {
    let store = ScriptedStore::default();
    let jars = jars(&store);
    let once = ExecuteOptions::keyed("label it");
    jars.execute_with(&1, JarCommand::Label("plums"), &Context::new(), once).await.unwrap();
    let first = jars.load(&1).await.unwrap();

    let again = jars.execute_with(&1, JarCommand::Label("plums"), &Context::new(), once).await.unwrap();
    let other = jars.execute_with(&2, JarCommand::Label("pears"), &Context::new(), once).await;

    assert!(matches!(again, Executed::AlreadyApplied(receipt) if receipt.to_version == first.version));
    assert!(matches!(other, Err(ExecuteError::Fault(Fault::Append(_)))), "{other:?}");
    assert_eq!(jars.load(&1).await.unwrap(), first);
}

/// Labels several jars in one transaction.
async fn label_together(
    store: &ScriptedStore,
    labels: impl IntoIterator<Item = (u32, &'static str)>,
) -> Result<ExecutedTogether<ScriptedStore>, TogetherError> {
    let mut all = Together::new(store);
    for (jar, label) in labels {
        all = all.command::<Jar>(&jar, JarCommand::Label(label))?;
    }
    all.with_key("label them").execute(&Context::new()).await
}

#[tokio::test]
async fn several_aggregates_take_and_hand_over_claims_in_one_transaction() {
    let store = ScriptedStore::default();
    let holder = async |of: &str| store.claim_holder(&label(of)).await.unwrap();
    let jar = |id| Some(Jar::stream_name(&id).unwrap());
    for (id, name) in [(1, "plums"), (2, "pears")] {
        jars(&store).execute(&id, JarCommand::Label(name), &Context::new()).await.unwrap();
    }

    // Jar 2 takes what jar 1 releases before it, and jar 1 then what jar 2 released.
    let swapped = [(1, "figs"), (2, "plums"), (1, "pears")];
    let done = label_together(&store, swapped).await.unwrap();
    let again = label_together(&store, swapped).await.unwrap();

    assert_eq!(done.receipt.streams.len(), 2);
    assert!(again.receipt.already_applied);
    assert_eq!((holder("plums").await, holder("pears").await, holder("figs").await), (jar(2), jar(1), None));
}

#[tokio::test]
async fn a_claim_of_another_refuses_all_commands_and_names_its_holder() {
    let store = ScriptedStore::default();
    jars(&store).execute(&3, JarCommand::Label("plums"), &Context::new()).await.unwrap();

    let of_another = label_together(&store, [(1, "figs"), (2, "plums")]).await.expect_err("jar 3 has it");
    let of_one_of_them = label_together(&store, [(1, "figs"), (2, "figs")]).await.expect_err("jar 1 took it");

    for (refused, claim, jar) in [(of_another, "plums", 3), (of_one_of_them, "figs", 1)] {
        assert!(
            matches!(&refused, TogetherError::Claimed { claim: told, holder }
                if *told == label(claim) && *holder == Jar::stream_name(&jar).unwrap()),
            "{refused:?}"
        );
        assert!(!refused.is_transient());
        assert_eq!(
            refused.to_string(),
            format!("claim label {claim} is held by stream jar-{jar}, nothing was written")
        );
    }
    assert_eq!(store.all().await.len(), 1);
    assert_eq!(store.claim_holder(&label("figs")).await.unwrap(), None);
}

#[test]
fn the_test_kit_sees_claims() {
    given::<Jar>([JarEvent::Labelled("plums".into())])
        .when(JarCommand::Label("pears"))
        .then_events([JarEvent::Labelled("pears".into())])
        .then_claims([ClaimChange::Take(label("pears")), ClaimChange::Release(label("plums"))]);
    given::<Jar>([]).when(JarCommand::Put(1)).then_claims([]);
}
