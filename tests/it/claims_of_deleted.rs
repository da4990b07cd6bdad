//! A stream is deleted or tombstoned while a decision takes or releases one of its claims: whoever is second waits, none
//! for ever, and the stream holds nothing in the end.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{
    AppendDecisions, AppendError, AppendedDecisions, Claim, Decision, Deletion, EventStore, NewEvent,
    PostgresStore, StreamRetention, TransactionalStore, Version,
};

use crate::support::{TestDb, until_waiting};

const VERBS: [&str; 2] = ["delete", "tombstone"];

fn claim(value: &str) -> Result<Claim, TestFailure> {
    Ok(Claim::new("e-mail", value)?)
}

/// A decision at a version, of one event.
fn decided(
    stream: &str,
    at: Version,
    change: impl FnOnce(Decision) -> Result<Decision, TestFailure>,
) -> Result<AppendDecisions, TestFailure> {
    let decision = Decision::of([NewEvent::new("noted", &1)?]);
    Ok(AppendDecisions::to(stream.parse()?, at).then(change(decision)?))
}

async fn end(store: PostgresStore, verb: &str, stream: String) -> Result<(), TestFailure> {
    let deletion = Deletion::of(stream.parse()?);
    match verb {
        "delete" => drop(store.delete_stream(deletion).await?),
        _ => drop(store.tombstone_stream(deletion).await?),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_decision_takes_or_releases_while_its_stream_waits_to_end_is_free_afterwards() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, observer, mut other) = (db.store(), db.connect().await?, db.connect().await?);

    for verb in VERBS {
        for taken_before in [true, false] {
            let stream = format!("{verb}-{taken_before}");
            let first = claim(&format!("{stream} first"))?;
            store.append_decisions(decided(&stream, Version::NONE, |d| Ok(d.taking(first.clone())))?).await?;
            let second = claim(&format!("{stream} second"))?;
            // One releases the claim that there is, one takes another; then the stream is ended.
            let change = |decision: Decision| {
                Ok(if taken_before {
                    decision.releasing(first.clone())
                } else {
                    decision.taking(second.clone())
                })
            };
            let transaction = other.transaction().await?;
            let decided = decided(&stream, Version::FIRST, change)?;
            store.append_decisions_in(&transaction, decided).await?;
            let ending = tokio::spawn({
                let (store, stream) = (store.clone(), stream.clone());
                async move { end(store, verb, stream).await }
            });
            until_waiting(&observer, 1).await?;
            transaction.commit().await?;
            ending.await??;

            for claim in [&first, &second] {
                assert_eq!(store.claim_holder(claim).await?, None, "{claim} of {stream}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_that_waits_for_the_end_of_its_stream_leaves_no_claim() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, observer, mut other) = (db.store(), db.connect().await?, db.connect().await?);

    for verb in VERBS {
        let claimed = claim(verb)?;
        store.append_decisions(decided(verb, Version::NONE, |d| Ok(d.taking(claim("kept")?)))?).await?;
        let transaction = other.transaction().await?;
        transaction.execute(&format!("select annals.{verb}_stream($1)"), &[&verb]).await?;
        let deciding = tokio::spawn({
            let store = store.clone();
            let append = decided(verb, Version::FIRST, |d| Ok(d.taking(claimed.clone())))?;
            async move { store.append_decisions(append).await }
        });
        until_waiting(&observer, 1).await?;
        transaction.commit().await?;
        let refused: Result<AppendedDecisions, AppendError> = deciding.await?;

        let as_expected = match verb {
            "delete" => matches!(refused, Err(AppendError::WrongVersion { .. })),
            _ => matches!(refused, Err(AppendError::StreamTombstoned(_))),
        };
        assert!(as_expected, "{verb}: {refused:?}");
        for claim in [claim("kept")?, claimed] {
            assert_eq!(store.claim_holder(&claim).await?, None, "{claim} after {verb}");
        }
    }
    Ok(())
}
