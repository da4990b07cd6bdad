//! Unique claims: taken and released with the events of a decision, refused by name.

use annals_aggregates::test_kit::given;
use annals_aggregates::{
    Aggregate, CacheOptions, Context, ExecuteError, ExecuteOptions, Executed, Fault, Together, TogetherError,
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
        assert_eq!(held.to_string(), "claim label plums is held by stream jar-1");
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

#[tokio::test]
async fn commands_to_several_aggregates_take_no_claims() {
    let store = ScriptedStore::default();
    let together = Together::new(&store).command::<Jar>(&1, JarCommand::Label("plums")).unwrap();

    let refused = together.execute(&Context::new()).await.expect_err("claims are for one");

    assert!(matches!(refused, TogetherError::Fault(Fault::ClaimsTogether)), "{refused:?}");
    assert_eq!(store.appends(), 0);
}

#[test]
fn the_test_kit_sees_claims() {
    given::<Jar>([JarEvent::Labelled("plums".into())])
        .when(JarCommand::Label("pears"))
        .then_events([JarEvent::Labelled("pears".into())])
        .then_claims([ClaimChange::Take(label("pears")), ClaimChange::Release(label("plums"))]);
    given::<Jar>([]).when(JarCommand::Put(1)).then_claims([]);
}
