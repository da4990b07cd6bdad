//! `annals claim show` and `release`.

use annals_devdb::TestResult;
use annals_eventstore::{AppendDecisions, Claim, Decision, EventStore, NewEvent, PostgresStore, Version};

use crate::support::Log;

#[tokio::test]
async fn a_claim_is_shown_with_its_holder_and_released_for_a_reason() -> TestResult {
    let log = Log::fresh().await?;
    let store = PostgresStore::connect(log.url()).await?;
    let taken =
        Decision::of([NewEvent::new("registered", &1)?]).taking(Claim::new("e-mail", "ann@example.org")?);
    store.append_decisions(AppendDecisions::to("customer-7".parse()?, Version::NONE).then(taken)).await?;
    let claim = ["e-mail", "ann@example.org"];

    let shown = log.annals(&["claim", "show", claim[0], claim[1], "--json"])?.exits(0).json()?;
    assert_eq!((&shown[0]["holder"], &shown[0]["space"]), (&"customer-7".into(), &"e-mail".into()));
    assert!(shown[0]["since"].as_str().is_some_and(|since| since.starts_with("20")), "{shown:?}");
    let of_another = ["claim", "release", claim[0], claim[1], "--reason", "twice", "--holder", "customer-8"];
    let refused = log.annals(&of_another)?.exits(4);
    assert!(refused.stderr.contains("is held by stream customer-7"), "{}", refused.stderr);
    log.annals(&["claim", "release", claim[0], claim[1]])?.exits(2);
    log.annals(&["claim", "release", claim[0], claim[1], "--reason", ""])?.exits(2);

    let released =
        log.annals(&["claim", "release", claim[0], claim[1], "--reason", "entered twice"])?.exits(0);
    assert!(released.stdout.contains("was held by stream customer-7"), "{}", released.stdout);
    for verb in [
        &["claim", "show", claim[0], claim[1]][..],
        &["claim", "release", claim[0], claim[1], "--reason", "again"],
    ] {
        let missing = log.annals(verb)?.exits(3);
        assert!(missing.stderr.contains("is held by no stream"), "{}", missing.stderr);
    }
    let sql = "select space, value, holder, reason, requested_by = session_user from annals.claim_releases";
    let client = store.pool().get().await?;
    let kept = client.query_one(sql, &[]).await?;
    let text = |column: usize| kept.get::<_, String>(column);
    assert_eq!(
        [text(0), text(1), text(2), text(3)].join(", "),
        "e-mail, ann@example.org, customer-7, entered twice"
    );
    assert!(kept.get::<_, bool>(4));
    Ok(())
}
