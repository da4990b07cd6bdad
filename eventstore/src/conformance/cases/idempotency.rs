//! Repetitions: recognised by their ids at a version, and by a key for ever.

use crate::append::{Append, AppendError, Appended};
use crate::append_many::{AppendMany, Cancellation};
use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::given::{append, counted, counted_to, stream, whole_stream};
use crate::conformance::harness::StoreHarness;
use crate::event::NewEvent;
use crate::event_id::EventId;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::store::EventStore;
use crate::version::{ExpectedVersion, Version};

/// Sends an append again, and fails unless it stores nothing and answers as it did at first.
async fn ensure_repeated<S: EventStore>(
    store: &S,
    repeated: &Append,
    first: Appended,
    told: &str,
) -> CaseResult {
    let again = store.append(repeated.clone()).await?;
    ensure_eq!(again, Appended { already_applied: true, ..first }, "{told}: receipt of the repetition");
    Ok(())
}

/// The same events as a writer would make them anew: other ids, same content.
fn decided_again(events: &[NewEvent]) -> Vec<NewEvent> {
    events.iter().map(|event| event.clone().with_id(EventId::new())).collect()
}

/// 13: the same events at the same version are stored once; a repetition returns the first receipt, even
/// when the stream has moved on.
pub async fn a_repetition_by_its_ids_returns_the_first_receipt<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let creating = append("thing-1", 2).expecting(ExpectedVersion::NoStream);
    let created = store.append(creating.clone()).await?;
    let going_on = append("thing-1", 3).expecting(created.to_version);
    ensure_repeated(&store, &creating, created, "at no stream").await?;

    let went_on = store.append(going_on.clone()).await?;

    ensure_repeated(&store, &going_on, went_on, "at version 2").await?;
    store.append(append("other-1", 1)).await?;
    store.append(append("thing-1", 1)).await?;
    ensure_repeated(&store, &creating, created, "at no stream, after later appends").await?;
    ensure_repeated(&store, &going_on, went_on, "at version 2, after later appends").await?;
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 6, "events in the stream");
    Ok(())
}

/// 13: at a version that is gone, only exactly the events that stand there are a repetition: fewer ids in
/// common, one more event or another order are a conflict.
pub async fn events_that_are_only_partly_the_same_are_a_conflict<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let events = counted_to(3);
    store.append(append("thing-1", 1)).await?;
    let at_one = |events: &[NewEvent]| {
        Append::to(stream("thing-1"), events.to_vec()).expecting(ExpectedVersion::Exact(Version::FIRST))
    };
    store.append(at_one(&events)).await?;

    let [one, two, three] = [&events[0], &events[1], &events[2]].map(Clone::clone);
    for (told, other) in [
        ("the last id differs", vec![one.clone(), two.clone(), counted(3)]),
        ("the first id differs", vec![counted(1), two.clone(), three.clone()]),
        ("one event more", vec![one.clone(), two.clone(), three.clone(), counted(4)]),
        ("the order differs", vec![two.clone(), one, three.clone()]),
        ("they begin later", vec![two, three]),
    ] {
        let refused = store.append(at_one(&other)).await;
        ensure_matches!(refused, Err(AppendError::WrongVersion { .. }), "{told}");
    }
    let before_them = Append::to(stream("thing-1"), events).expecting(ExpectedVersion::NoStream);
    let refused = store.append(before_them).await;
    ensure_matches!(refused, Err(AppendError::WrongVersion { .. }), "the same events at another version");
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 4, "events in the stream");
    Ok(())
}

/// 13: a key recognises a repetition whatever version it expects and whatever ids its events have, and
/// before the version is looked at.
pub async fn a_key_recognises_a_repetition_in_every_mode<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    store.append(append("thing-1", 1)).await?;
    let modes = [ExpectedVersion::Any, ExpectedVersion::StreamExists, Version::NONE.advance(5).into()];
    for (n, mode) in modes.into_iter().enumerate() {
        let keyed = append("thing-1", 2).expecting(mode).with_key(format!("command {n}").as_str());
        let first = store.append(keyed.clone()).await?;
        ensure!(!first.already_applied, "{mode}: a new key says that it was used before");
        ensure_repeated(&store, &keyed, first, &format!("{mode}")).await?;

        let anew = Append { events: decided_again(&keyed.events), ..keyed };
        for other in [mode, ExpectedVersion::NoStream, Version::NONE.advance(99).into()] {
            let told = format!("{mode}, decided again expecting {other}");
            ensure_repeated(&store, &anew.clone().expecting(other), first, &told).await?;
        }
    }

    let creating = append("thing-2", 1).expecting(ExpectedVersion::NoStream).with_key(IdempotencyKey::new());
    let first = store.append(creating.clone()).await?;
    let anew = Append { events: decided_again(&creating.events), ..creating };
    ensure_repeated(&store, &anew, first, "no stream, decided again").await?;
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 7, "events in the stream");
    Ok(())
}

/// 13: a key that comes back with another stream, other types or other data is refused, in every mode.
pub async fn a_key_used_for_something_else_is_refused<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let key = IdempotencyKey::from("command");
    let first = append("thing-1", 2).with_key(key);
    store.append(first.clone()).await?;

    let other_type = || NewEvent::new("recounted", &serde_json::json!({"n": 2}));
    for (told, other) in [
        ("another stream", append("thing-2", 2).with_key(key)),
        ("fewer events", append("thing-1", 1).with_key(key)),
        ("more events", append("thing-1", 3).with_key(key)),
        ("other data", Append::to(stream("thing-1"), [counted(1), counted(3)]).with_key(key)),
        ("another type", Append::to(stream("thing-1"), [counted(1), other_type()?]).with_key(key)),
        ("another order", Append::to(stream("thing-1"), [counted(2), counted(1)]).with_key(key)),
        ("another fingerprint", first.clone().with_fingerprint(Fingerprint::of("other"))),
        ("at no stream", append("thing-2", 2).with_key(key).expecting(ExpectedVersion::NoStream)),
    ] {
        let refused = store.append(other).await;
        let named = ensure_matches!(refused, Err(AppendError::KeyReused { key }) => key, "{told}");
        ensure_eq!(named, key, "{told}: the key that is named");
    }

    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 2, "events in the stream");
    Ok(())
}

/// 13: with a fingerprint of the caller's, that alone tells a repetition from something else.
pub async fn a_key_is_compared_by_the_fingerprint_that_is_given<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let command = Fingerprint::of("deposit 10");
    let keyed = append("thing-1", 1).with_key("command").with_fingerprint(command);
    let first = store.append(keyed).await?;

    let decided_differently = append("thing-1", 4).with_key("command").with_fingerprint(command);
    ensure_repeated(&store, &decided_differently, first, "same command, other events").await?;

    let other_command = append("thing-1", 1).with_key("command").with_fingerprint(Fingerprint::of("x"));
    let refused = store.append(other_command).await;
    ensure_matches!(refused, Err(AppendError::KeyReused { .. }), "other command, same events");
    let refused = store.append(append("thing-1", 1).with_key("command")).await;
    ensure_matches!(refused, Err(AppendError::KeyReused { .. }), "same events, no fingerprint");
    Ok(())
}

/// 13: a refused append leaves its key free for the next try.
pub async fn a_key_of_a_refused_append_is_free<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let early = append("thing-1", 1).with_key("command").expecting(ExpectedVersion::StreamExists);
    let refused = store.append(early.clone()).await;
    ensure_matches!(refused, Err(AppendError::StreamNotFound(_)), "the append to a missing stream");
    let early_at_two = early.clone().expecting(Version::NONE.advance(2));
    let refused = store.append(early_at_two).await;
    ensure_matches!(refused, Err(AppendError::WrongVersion { .. }), "the append at a wrong version");

    let created = store.append(append("thing-1", 3)).await?;
    let stored = store.append(early).await?;

    ensure!(!stored.already_applied, "the refused append used up its key");
    ensure_eq!(stored.from_version, created.to_version.next(), "version of the keyed append");
    Ok(())
}

/// 13: what was stored under a key is found by it, whatever was appended since; what was not is not.
pub async fn an_append_is_found_by_its_key<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let (key, fingerprint) = (IdempotencyKey::from("command"), Fingerprint::of("what it says"));
    ensure_eq!(store.find_append(key, None).await?, None, "the receipt before the append");
    store.append(append("thing-1", 2)).await?;
    let stored = store.append(append("thing-1", 3).with_key(key).with_fingerprint(fingerprint)).await?;
    store.append(append("thing-1", 1)).await?;

    let found = store.find_append(key, None).await?;
    let found_by_both = store.find_append(key, Some(fingerprint)).await?;
    let by_another = store.find_append(key, Some(Fingerprint::of("something else"))).await;

    ensure_eq!(found, Some(Appended { already_applied: true, ..stored }), "the receipt under the key");
    ensure_eq!(found_by_both, found, "the receipt under key and fingerprint");
    ensure_matches!(by_another, Err(AppendError::KeyReused { .. }), "the key under another fingerprint");
    let other = store.find_append(IdempotencyKey::from("another command"), None).await?;
    ensure_eq!(other, None, "the receipt under another key");
    Ok(())
}

/// 13: an append to any number of streams is found by its key, with a receipt for each.
pub async fn an_append_to_several_streams_is_found_by_its_key<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let [of_one, of_two, unused] = ["of one", "of two", "unused"].map(IdempotencyKey::from);
    let fingerprint = Fingerprint::of("what it says");
    let one = store.append(append("thing-1", 2).with_key(of_one)).await?;
    let two = AppendMany::new()
        .append(stream("thing-2"), ExpectedVersion::Any, counted_to(3))
        .append(stream("thing-1"), ExpectedVersion::Any, counted_to(1))
        .with_key(of_two)
        .with_fingerprint(fingerprint);
    let two = store.append_many(two).await?;
    store.append(append("thing-2", 1)).await?;

    let found = store.find_append_many(of_one, None).await?;
    let receipt = found.and_then(|found| found.of(&stream("thing-1")));
    ensure_eq!(receipt, Some(Appended { already_applied: true, ..one }), "the receipt of one stream");
    for given in [None, Some(fingerprint)] {
        let found = store.find_append_many(of_two, given).await?;
        for part in &two.streams {
            let receipt = found.as_ref().and_then(|found| found.of(&part.stream));
            let promised = Appended { already_applied: true, ..part.appended };
            ensure_eq!(receipt, Some(promised), "the receipt of {}", part.stream);
        }
    }
    ensure_eq!(store.find_append_many(unused, None).await?, None, "the receipt under another key");
    let by_another = store.find_append_many(of_two, Some(Fingerprint::of("something else"))).await;
    ensure_matches!(by_another, Err(AppendError::KeyReused { .. }), "the key under another fingerprint");
    store.cancel_key(unused).await?;
    let cancelled = store.find_append_many(unused, None).await;
    ensure_matches!(cancelled, Err(AppendError::KeyCancelled { .. }), "the cancelled key");
    Ok(())
}

/// 13: a key that no append has used is cancelled for ever, and an append under it is refused by name; a key
/// that was used answers with the receipt, of one stream or several.
pub async fn a_key_is_cancelled_unless_it_was_used<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let [unused, of_one, of_two] = ["unused", "of one", "of two"].map(IdempotencyKey::from);
    let one = store.append(append("thing-1", 2).with_key(of_one)).await?;
    let two = AppendMany::new().append(stream("thing-2"), ExpectedVersion::Any, counted_to(1)).append(
        stream("thing-1"),
        ExpectedVersion::Any,
        counted_to(1),
    );
    let two = store.append_many(two.with_key(of_two)).await?;

    for _ in 0..2 {
        ensure_eq!(store.cancel_key(unused).await?, Cancellation::Cancelled, "an unused key");
        let found = ensure_matches!(
            store.cancel_key(of_one).await?, Cancellation::Applied(found) => found, "a key of one stream");
        let receipt = Appended { already_applied: true, ..one };
        ensure_eq!(found.of(&stream("thing-1")), Some(receipt), "the receipt under the key of one stream");
        let found = ensure_matches!(
            store.cancel_key(of_two).await?, Cancellation::Applied(found) => found, "a key of two streams");
        ensure!(found.already_applied, "the receipts under the key of two streams");
        for part in &two.streams {
            let receipt = Appended { already_applied: true, ..part.appended };
            ensure_eq!(found.of(&part.stream), Some(receipt), "the receipt of {}", part.stream);
        }
    }

    let late = append("thing-1", 1).with_key(unused);
    let late_many = AppendMany::new().append(stream("thing-3"), ExpectedVersion::Any, counted_to(1));
    let refused = [
        store.append(late.clone()).await.err(),
        store.append(late.with_fingerprint(Fingerprint::of("any"))).await.err(),
        store.append_many(late_many.with_key(unused)).await.err(),
        store.find_append(unused, None).await.err(),
    ];
    for refused in refused {
        let named =
            ensure_matches!(refused, Some(AppendError::KeyCancelled { key }) => key, "the cancelled key");
        ensure_eq!(named, unused, "the key that is named");
    }
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 3, "events in the stream");
    Ok(())
}

/// 13: of an append and a cancellation of its key that meet, exactly one wins, and both learn which.
pub async fn an_append_and_the_cancellation_of_its_key_agree<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    for round in 0..40 {
        let name = format!("race-{}", round % 4);
        let key = IdempotencyKey::from(format!("round {round}").as_str());
        let request = append(&name, 1).with_key(key);
        let sent = tokio::spawn({
            let store = store.clone();
            async move { store.append(request).await }
        });
        let cancelled = store.cancel_key(key).await?;

        match (sent.await?, cancelled) {
            (Ok(appended), Cancellation::Applied(found)) => {
                let receipt = Appended { already_applied: true, ..appended };
                ensure_eq!(
                    found.of(&stream(&name)),
                    Some(receipt),
                    "round {round}: the receipt that is found"
                );
            }
            (Err(AppendError::KeyCancelled { .. }), Cancellation::Cancelled) => {}
            (appended, cancelled) => {
                return Err(CaseFailure::new(format!("round {round}: {appended:?}, yet {cancelled:?}")));
            }
        }
    }
    Ok(())
}
