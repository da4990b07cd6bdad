//! Decisions of several commands in one append, their keys, and claims.

use crate::append::{AppendError, Appended};
use crate::append_many::AppendMany;
use crate::claim::Claim;
use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::given::{append, counted, counted_to, stream, whole_stream};
use crate::conformance::harness::StoreHarness;
use crate::decisions::{AppendDecisions, AppendedDecisions, Decision, KeyUsed};
use crate::deletion::{Deletion, DeletionError};
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::read::ReadError;
use crate::retention::StreamRetention;
use crate::store::EventStore;
use crate::version::Version;

fn version(n: u64) -> Version {
    Version::NONE.advance(n)
}

fn decisions(name: &str, at: u64) -> AppendDecisions {
    AppendDecisions::to(stream(name), version(at))
}

fn claim(value: &str) -> Claim {
    Claim::new("e-mail", value).expect("the suite makes well-formed claims")
}

async fn stored<S: EventStore>(store: &S, append: AppendDecisions) -> CaseResult<Vec<Appended>> {
    match store.append_decisions(append).await? {
        AppendedDecisions::Stored(receipts) => Ok(receipts),
        used @ AppendedDecisions::UsedBefore(_) => Err(CaseFailure::new(format!("not stored: {used:?}"))),
    }
}

/// 83: the decisions of several commands are stored together behind one version, each with a receipt and a key of
/// its own; the same call again returns the same receipts.
pub async fn several_decisions_are_stored_together_each_with_its_receipt<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    store.append(append("thing-2", 1)).await?;
    for (name, at) in [("thing-1", 0), ("thing-1", 6), ("thing-3", 0)] {
        let keys = [1, 2].map(|n| IdempotencyKey::from(format!("{name} at {at}, {n}").as_str()));
        let all = decisions(name, at)
            .then(Decision::of(counted_to(2)).with_key(keys[0]))
            .then(Decision::of(counted_to(1)))
            .then(Decision::of(counted_to(3)).with_key(keys[1]).with_fingerprint(Fingerprint::of("three")));

        let receipts = stored(&store, all.clone()).await?;
        let again = stored(&store, all).await?;

        let versions: Vec<_> = receipts.iter().map(|r| (r.from_version.get(), r.to_version.get())).collect();
        let from = i64::try_from(at)?;
        ensure_eq!(versions, [(from + 1, from + 2), (from + 3, from + 3), (from + 4, from + 6)], "versions");
        let events = whole_stream(&store, &stream(name)).await?;
        for receipt in &receipts {
            ensure!(!receipt.already_applied, "stored for the first time");
            for (version, position) in
                [(receipt.from_version, receipt.from_position), (receipt.to_version, receipt.to_position)]
            {
                let event = &events[usize::try_from(version.get())? - 1];
                ensure_eq!((event.version, event.position), (version, position), "where an event stands");
            }
        }
        for (receipt, repeated) in receipts.iter().zip(&again) {
            ensure_eq!(
                *repeated,
                Appended { already_applied: true, ..*receipt },
                "the receipt of the repetition"
            );
        }
        for (key, receipt) in [(keys[0], receipts[0]), (keys[1], receipts[2])] {
            let found = store.find_append(key, None).await?;
            ensure_eq!(found, Some(Appended { already_applied: true, ..receipt }), "the receipt under a key");
        }
        let found = store.find_append(keys[1], Some(Fingerprint::of("three"))).await?;
        ensure!(found.is_some(), "the receipt under key and fingerprint");
    }
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 12, "events in the stream");
    Ok(())
}

/// 83: where a key was used before nothing is stored, and each such decision is told with what the key was for.
pub async fn a_key_that_was_used_keeps_all_decisions_out_and_is_told<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    let key = |name: &str| IdempotencyKey::from(name);
    let first = store.append(append("thing-1", 2).with_key("applied")).await?;
    store.append(append("thing-2", 1).with_key("reused")).await?;
    store.cancel_key(key("cancelled")).await?;
    let all = || {
        decisions("thing-1", 2)
            .then(Decision::of([counted(9)]).with_key("new"))
            .then(Decision::of(counted_to(2)).with_key("applied"))
            .then(Decision::of([counted(1)]).with_key("reused"))
            .then(Decision::of([counted(1)]).with_key("cancelled"))
            .then(Decision::of([counted(1)]))
    };

    for append in [all(), AppendDecisions { expected: version(7), ..all() }] {
        let told = store.append_decisions(append).await?;
        let applied = KeyUsed::Applied(Appended { already_applied: true, ..first });
        let promised = vec![(1, applied), (2, KeyUsed::Reused), (3, KeyUsed::Cancelled)];
        ensure_eq!(told, AppendedDecisions::UsedBefore(promised), "what the keys were used for");
    }

    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 2, "events in the stream");
    ensure_eq!(store.find_append(key("new"), None).await?, None, "the key of a decision that was not stored");
    let twice = decisions("thing-1", 2)
        .then(Decision::of([counted(1)]).with_key("twice"))
        .then(Decision::of([counted(1)]).with_key("twice"));
    ensure_matches!(store.append_decisions(twice).await, Err(AppendError::KeyReused { .. }), "a key twice");
    let empty = decisions("thing-1", 2).then(Decision::of([]));
    ensure_matches!(store.append_decisions(empty).await, Err(AppendError::Malformed(_)), "no events");
    Ok(())
}

/// 83: decisions at a wrong version leave nothing, neither events nor keys nor claims.
pub async fn decisions_at_a_wrong_version_leave_nothing<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    store.append(append("thing-1", 2)).await?;
    let with_all = |name: &str, at: u64| {
        decisions(name, at)
            .then(Decision::of([counted(1)]).with_key("key"))
            .then(Decision::of([counted(2)]).taking(claim("ann")))
    };

    for (name, at, actual) in [("thing-1", 1, 2), ("thing-1", 3, 2), ("thing-1", 0, 2), ("thing-2", 1, 0)] {
        let refused = store.append_decisions(with_all(name, at)).await;
        let told = ensure_matches!(refused, Err(AppendError::WrongVersion { actual, .. }) => actual, "{name} at {at}");
        ensure_eq!(told, version(actual), "the version of {name} that is told");
        ensure_eq!(store.find_append(IdempotencyKey::from("key"), None).await?, None, "the key");
        ensure_eq!(store.claim_holder(&claim("ann")).await?, None, "the claim");
    }

    stored(&store, with_all("thing-1", 2)).await?;
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 4, "events in the stream");
    Ok(())
}

/// 83: a claim is held by one stream until that stream releases it; another one is refused by name, and stores
/// nothing.
pub async fn a_claim_is_held_by_one_stream_until_it_is_released<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let taking = |name: &str, at, value: &str| {
        decisions(name, at).then(Decision::of([counted(1)]).taking(claim(value)))
    };
    let releasing = |name: &str, at, value: &str| {
        decisions(name, at).then(Decision::of([counted(2)]).releasing(claim(value)))
    };
    stored(&store, taking("thing-1", 0, "ann")).await?;
    stored(&store, taking("thing-1", 1, "ann")).await?;
    stored(&store, taking("thing-2", 0, "bob")).await?;
    let elsewhere = Claim::new("telephone", "ann")?;
    stored(&store, decisions("thing-2", 1).then(Decision::of([counted(1)]).taking(elsewhere.clone())))
        .await?;

    let refused = store.append_decisions(taking("thing-2", 2, "ann")).await;
    let (told, holder) = ensure_matches!(
        refused, Err(AppendError::Claimed { claim, holder }) => (claim, holder), "a claim of another");
    ensure_eq!((told, holder), (claim("ann"), stream("thing-1")), "the claim and its holder");
    let released_by_another = stored(&store, releasing("thing-2", 2, "ann")).await?;
    ensure_eq!(released_by_another[0].to_version, version(3), "the event that released nothing");
    ensure_eq!(store.claim_holder(&claim("ann")).await?, Some(stream("thing-1")), "the holder");

    // Released and taken in one call: what comes last holds.
    let renamed = decisions("thing-1", 2)
        .then(Decision::of([counted(3)]).releasing(claim("ann")).taking(claim("anna")))
        .then(Decision::of([counted(4)]).taking(claim("andy")).releasing(claim("andy")));
    let sent_first = renamed.clone();
    stored(&store, renamed).await?;
    stored(&store, taking("thing-3", 0, "ann")).await?;
    stored(&store, taking("thing-3", 1, "andy")).await?;
    ensure!(
        stored(&store, sent_first).await?[0].already_applied,
        "a repetition is one, whoever took the claim since"
    );
    for (value, holder) in [("ann", "thing-3"), ("anna", "thing-1"), ("andy", "thing-3"), ("bob", "thing-2")]
    {
        ensure_eq!(store.claim_holder(&claim(value)).await?, Some(stream(holder)), "the holder of {value}");
    }
    ensure_eq!(store.claim_holder(&elsewhere).await?, Some(stream("thing-2")), "the holder in another space");
    ensure_eq!(store.claim_holder(&claim("nobody")).await?, None, "the holder of what nobody took");
    Ok(())
}

/// 83: of many streams that take one claim at once exactly one gets it, and each other learns which.
pub async fn of_many_streams_that_take_one_claim_exactly_one_gets_it<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    for round in 0..5 {
        let value = format!("round {round}");
        let mut racers = tokio::task::JoinSet::new();
        for n in 0..12 {
            let (store, value) = (store.clone(), value.clone());
            racers.spawn(async move {
                let name = format!("racer-{round}-{n}");
                let taking = Decision::of([counted(1)]).taking(claim(&value)).taking(claim("all others"));
                let taking = decisions(&name, 0).then(taking.releasing(claim("all others")));
                (name, store.append_decisions(taking).await)
            });
        }
        let (mut winners, mut told) = (Vec::new(), Vec::new());
        while let Some(racer) = racers.join_next().await {
            match racer? {
                (name, Ok(AppendedDecisions::Stored(_))) => winners.push(stream(&name)),
                (_, Err(AppendError::Claimed { holder, .. })) => told.push(holder),
                (name, other) => return Err(CaseFailure::new(format!("{name}: {other:?}"))),
            }
        }
        ensure_eq!((winners.len(), told.len()), (1, 11), "winners and losers");
        ensure!(
            told.iter().all(|holder| *holder == winners[0]),
            "the losers of round {round} were told {told:?}"
        );
        ensure_eq!(store.claim_holder(&claim(&value)).await?.as_ref(), winners.first(), "the holder");
    }
    Ok(())
}

/// 83: a stream that is deleted or tombstoned releases its claims, since whoever begins it again does not know of them;
/// one that is only truncated goes on and keeps them.
pub async fn a_stream_that_ends_releases_its_claims_and_one_that_is_truncated_keeps_them<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    let taking = |name: &str, at, value: &str| {
        decisions(name, at).then(
            Decision::of(counted_to(2))
                .taking(claim(value))
                .taking(claim("of nobody"))
                .releasing(claim("of nobody")),
        )
    };
    for name in ["deleted-1", "closed-1", "cut-1"] {
        stored(&store, taking(name, 0, name)).await?;
    }
    let refused = operator.delete_stream(Deletion::of(stream("deleted-1")).expecting(version(1))).await;
    ensure_matches!(refused, Err(DeletionError::WrongVersion { .. }) => (), "a deletion at another version");
    ensure_eq!(
        store.claim_holder(&claim("deleted-1")).await?,
        Some(stream("deleted-1")),
        "after a refused deletion"
    );

    operator.delete_stream(Deletion::of(stream("deleted-1"))).await?;
    operator.tombstone_stream(Deletion::of(stream("closed-1"))).await?;
    operator.truncate_stream(Deletion::of(stream("cut-1")), version(2)).await?;

    for (value, holder) in [("deleted-1", None), ("closed-1", None), ("cut-1", Some(stream("cut-1")))] {
        ensure_eq!(store.claim_holder(&claim(value)).await?, holder, "the holder of {value}");
    }
    stored(&store, taking("new-1", 0, "deleted-1")).await?;
    stored(&store, taking("new-1", 2, "closed-1")).await?;
    let refused = store.append_decisions(taking("new-1", 4, "cut-1")).await;
    ensure_matches!(refused, Err(AppendError::Claimed { .. }) => (), "a claim of a truncated stream");
    // Begun again, the stream holds nothing of what it held, and is refused as any other.
    store.append(append("deleted-1", 1)).await?;
    let refused = store.append_decisions(taking("deleted-1", 3, "deleted-1")).await;
    let holder =
        ensure_matches!(refused, Err(AppendError::Claimed { holder, .. }) => holder, "a claim of another");
    ensure_eq!(holder, stream("new-1"), "who holds it now");
    Ok(())
}

/// 83: where claims are taken and their stream is deleted at once, those are held in the end whose event the stream
/// shows, and no other.
pub async fn of_claims_taken_and_deletions_at_once_those_are_held_whose_event_is_shown<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    const CLAIMS: usize = 10;
    let (store, operator) = (harness.store(), harness.operator());
    let mut takers = tokio::task::JoinSet::new();
    for taker in 0..4 {
        let store = store.clone();
        takers.spawn(async move {
            let mut taken = Vec::new();
            for n in 0..CLAIMS {
                let value = format!("claim {n} of {taker}");
                // Every other one lets go of the one before, too.
                let before = (n % 2 == 1).then(|| taken.pop()).flatten();
                let before = before.map(|(value, _): (String, Version)| value);
                let version = take(&store, &value, before.as_deref()).await?;
                taken.push((value, version));
            }
            Ok::<_, CaseFailure>(taken)
        });
    }
    let mut taken = Vec::new();
    while !takers.is_empty() {
        match operator.delete_stream(Deletion::of(stream("thing-1"))).await {
            Ok(_) | Err(DeletionError::StreamNotFound(_) | DeletionError::Serialization(..)) => {}
            Err(other) => return Err(other.into()),
        }
        tokio::task::yield_now().await;
        while let Some(taker) = takers.try_join_next() {
            taken.extend(taker??);
        }
    }

    let last = take(&store, "the last one", None).await?;
    taken.push(("the last one".to_owned(), last));
    let shown = store.stream_info(&stream("thing-1")).await?.first_version;
    for (value, version) in &taken {
        let holder = (*version >= shown).then(|| stream("thing-1"));
        ensure_eq!(
            store.claim_holder(&claim(value)).await?,
            holder,
            "{value}, taken at {version}, shown from {shown}"
        );
    }
    Ok(())
}

/// Takes one claim and releases another, whatever the stream is at; returns the version of the event that did.
async fn take<S: EventStore>(store: &S, value: &str, before: Option<&str>) -> CaseResult<Version> {
    loop {
        let at = match store.stream_info(&stream("thing-1")).await {
            Ok(info) => info.version,
            Err(ReadError::StreamNotFound(_)) => Version::NONE,
            Err(other) => return Err(other.into()),
        };
        let mut decision = Decision::of([counted(1)]).taking(claim(value));
        if let Some(before) = before {
            decision = decision.releasing(claim(before));
        }
        match store.append_decisions(AppendDecisions::to(stream("thing-1"), at).then(decision)).await {
            Ok(AppendedDecisions::Stored(receipts)) => return Ok(receipts[0].to_version),
            Err(AppendError::WrongVersion { .. } | AppendError::Serialization(..)) => {}
            other => return Err(CaseFailure::new(format!("{value}: {other:?}"))),
        }
    }
}

/// 83: an append to several streams takes and releases claims with its events, in the order given, so that one
/// stream can hand a claim to another; a claim of another stream keeps all of it out and is told by name.
pub async fn several_streams_take_and_hand_over_claims_together<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let both = |at: u64, n: usize| {
        let first = AppendMany::new().append(stream("thing-1"), version(at), [counted(n)]);
        first.append(stream("thing-2"), version(at), [counted(n + 1)])
    };
    let taken = both(0, 1).taking(stream("thing-1"), claim("ann")).taking(stream("thing-2"), claim("bob"));
    store.append_many(taken.clone()).await?;
    stored(&store, decisions("thing-3", 0).then(Decision::of([counted(1)]).taking(claim("eve")))).await?;

    let handed_over = both(1, 3)
        .releasing(stream("thing-1"), claim("ann"))
        .taking(stream("thing-2"), claim("ann"))
        .with_key("handed over");
    ensure!(!store.append_many(handed_over.clone()).await?.already_applied, "stored for the first time");
    let taken_by_another =
        both(2, 5).taking(stream("thing-1"), claim("carl")).taking(stream("thing-2"), claim("eve"));
    let too_early =
        both(2, 7).taking(stream("thing-1"), claim("bob")).releasing(stream("thing-2"), claim("bob"));

    for (refused, value, by) in [(taken_by_another, "eve", "thing-3"), (too_early, "bob", "thing-2")] {
        let refused = store.append_many(refused).await;
        let told = ensure_matches!(
            refused, Err(AppendError::Claimed { claim, holder }) => (claim, holder), "a claim of another");
        ensure_eq!(told, (claim(value), stream(by)), "the claim and its holder");
    }
    for repeated in [taken, handed_over] {
        ensure!(
            store.append_many(repeated).await?.already_applied,
            "a repetition, whoever holds the claims now"
        );
    }
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 2, "events in the stream");
    for (value, holder) in
        [("ann", Some("thing-2")), ("bob", Some("thing-2")), ("carl", None), ("eve", Some("thing-3"))]
    {
        ensure_eq!(store.claim_holder(&claim(value)).await?, holder.map(stream), "the holder of {value}");
    }
    let of_a_check = both(2, 9).check(stream("thing-3"), version(1)).taking(stream("thing-3"), claim("dan"));
    ensure_matches!(
        store.append_many(of_a_check).await,
        Err(AppendError::Malformed(_)),
        "no events, a claim"
    );
    Ok(())
}
