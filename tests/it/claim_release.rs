//! A claim is released in place of its holder: for a reason, from the stream that was named, by who may.

use annals::eventstore::{
    AppendDecisions, Claim, ClaimRegistry, ClaimRelease, ClaimReleaseError, Decision, EventStore,
    MemoryStore, NewEvent, StreamName, Version,
};
use annals_devdb::{TestFailure, TestResult};

use crate::support::TestDb;

fn address() -> Claim {
    Claim::new("e-mail", "ann@example.org").expect("a claim")
}

fn taking(stream: &str) -> Result<AppendDecisions, TestFailure> {
    let decision = Decision::of([NewEvent::new("registered", &1)?]).taking(address());
    Ok(AppendDecisions::to(stream.parse()?, Version::NONE).then(decision))
}

async fn released_for_a_reason_and_from_the_one_who_holds_it(
    store: impl EventStore + ClaimRegistry,
) -> TestResult {
    let release = || ClaimRelease::of(address(), "customer 7 was entered twice");
    let (seven, eight): (StreamName, StreamName) = ("customer-7".parse()?, "customer-8".parse()?);
    assert_eq!(store.find_claim(&address()).await?, None);
    store.append_decisions(taking("customer-7")?).await?;

    let held = store.find_claim(&address()).await?.expect("customer 7 took it");
    assert_eq!((&held.claim, &held.holder), (&address(), &seven));
    let of_another = store.release_claim(release().held_by(eight.clone())).await;
    assert!(
        matches!(&of_another, Err(ClaimReleaseError::HeldByAnother { claim, holder })
            if *claim == address() && *holder == seven),
        "{of_another:?}"
    );
    let without_reason = store.release_claim(ClaimRelease::of(address(), "")).await;
    assert!(matches!(without_reason, Err(ClaimReleaseError::Malformed(_))), "{without_reason:?}");
    assert_eq!(store.find_claim(&address()).await?.as_ref(), Some(&held));

    assert_eq!(store.release_claim(release().held_by(seven)).await?, held);
    let again = store.release_claim(release()).await;
    assert!(matches!(&again, Err(ClaimReleaseError::NotHeld(claim)) if *claim == address()), "{again:?}");
    store.append_decisions(taking("customer-8")?).await?;
    assert_eq!(store.claim_holder(&address()).await?, Some(eight));
    Ok(())
}

#[tokio::test]
async fn a_claim_is_released_for_a_reason_and_from_the_one_who_holds_it() -> TestResult {
    let db = TestDb::fresh().await?;
    released_for_a_reason_and_from_the_one_who_holds_it(db.store()).await
}

#[tokio::test]
async fn in_memory_a_claim_is_released_likewise() -> TestResult {
    released_for_a_reason_and_from_the_one_who_holds_it(MemoryStore::new()).await
}

#[tokio::test]
async fn an_operator_releases_claims_and_an_application_does_not() -> TestResult {
    let (db, client) = {
        let db = TestDb::fresh().await?;
        let client = db.connect().await?;
        (db, client)
    };
    db.store().append_decisions(taking("customer-7")?).await?;
    let release = "select annals.release_claim('e-mail', 'ann@example.org', 'entered twice')";

    for (role, may) in [("annals_appender", false), ("annals_reader", false), ("annals_operator", true)] {
        client.batch_execute(&format!("set role {role}")).await?;
        let released = client.batch_execute(release).await;
        client.batch_execute("reset role").await?;
        assert_eq!(released.is_ok(), may, "{role}: {released:?}");
    }
    Ok(())
}
