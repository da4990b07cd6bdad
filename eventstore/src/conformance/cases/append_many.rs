//! Several streams at once: all or none, in the order given, and never in each other's way.

use crate::append::{Append, AppendError, Appended};
use crate::append_many::{AppendMany, AppendedMany};
use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{append, counted, counted_to, stream, versions_of, whole_stream, within};
use crate::conformance::harness::StoreHarness;
use crate::conformance::order::{ensure_log_order, ensure_receipt};
use crate::event_id::EventId;
use crate::position::GlobalPosition;
use crate::read::{LogQuery, ReadError};
use crate::store::EventStore;
use crate::version::{ExpectedVersion, Version};

use ExpectedVersion::{Any, NoStream, StreamExists};

/// 18: events of several streams are stored together: each stream goes on at its version, and the log keeps
/// the order given, whatever the streams' names.
pub async fn events_of_several_streams_are_stored_together<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let before = store.append(append("b-1", 2)).await?;
    let parts = [("c-1", NoStream, 2), ("b-1", before.to_version.into(), 1), ("a-1", Any, 3)];

    let request = parts.iter().fold(AppendMany::new(), |request, (name, expected, events)| {
        request.append(stream(name), *expected, counted_to(*events))
    });
    let appended = store.append_many(request.clone()).await?;

    ensure!(!appended.already_applied, "a first append says that it was applied before");
    ensure_eq!(appended.streams.len(), 3, "receipts");
    for (part, receipt) in request.streams.iter().zip(&appended.streams) {
        ensure_eq!(receipt.stream, part.stream, "the streams of the receipts, in the order given");
        ensure_eq!(appended.of(&part.stream), Some(receipt.appended), "the receipt found by its stream");
        ensure_receipt(&store, &part.stream, &receipt.appended, &part.events).await?;
    }
    let log = log_up_to(&store, appended.streams[2].appended.to_position).await?;
    ensure_log_order(&log)?;
    let order: Vec<_> = log.iter().map(|event| (event.stream.as_str(), event.version.get())).collect();
    let promised =
        [("b-1", 1), ("b-1", 2), ("c-1", 1), ("c-1", 2), ("b-1", 3), ("a-1", 1), ("a-1", 2), ("a-1", 3)];
    ensure_eq!(order, promised, "the log");
    Ok(())
}

/// 18: when one stream is not as expected, nothing is stored in any, and the refusal names it; of several the
/// first one in the byte order of the names.
pub async fn one_refused_stream_refuses_them_all<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    store.append(append("b-1", 2)).await?;
    let three = ExpectedVersion::Exact(Version::NONE.advance(3));
    let two_more = || counted_to(2);
    let around = |name: &str, expected| {
        AppendMany::new()
            .append(stream("z-1"), Any, two_more())
            .append(stream(name), expected, two_more())
            .append(stream("a-1"), NoStream, two_more())
    };

    for (told, request, name, actual) in [
        ("no stream, but there is one", around("b-1", NoStream), "b-1", Some(2)),
        ("a higher version", around("b-1", three), "b-1", Some(2)),
        ("a version of a missing stream", around("c-1", three), "c-1", Some(0)),
        ("a missing stream", around("c-1", StreamExists), "c-1", None),
        ("two refusals", around("c-1", StreamExists).check(stream("b-2"), three), "b-2", Some(0)),
    ] {
        let refused = store.append_many(request).await;
        let (refused, version) = match refused {
            Err(AppendError::WrongVersion { stream, actual, .. }) => (stream, Some(actual.get())),
            Err(AppendError::StreamNotFound(stream)) => (stream, None),
            other => return Err(CaseFailure::new(format!("{told}: found {other:?}"))),
        };
        ensure_eq!((refused.as_str(), version), (name, actual), "{told}: stream and version");
    }

    let log = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    ensure_eq!(log.events.len(), 2, "events in the log");
    for missing in ["a-1", "c-1", "z-1"] {
        let info = store.stream_info(&stream(missing)).await;
        ensure_matches!(info, Err(ReadError::StreamNotFound(_)), "{missing} afterwards");
    }
    Ok(())
}

/// 18: a stream without events is checked and left alone: where it is not as expected, nothing is stored, and
/// where none is expected, none comes to be.
pub async fn a_stream_that_is_only_checked_guards_the_others<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    store.append(append("rate-1", 2)).await?;
    let guarded = |name: &str, expected| {
        AppendMany::new().check(stream(name), expected).append(stream("order-1"), Any, [counted(1)])
    };
    let exactly = |n| ExpectedVersion::Exact(Version::NONE.advance(n));

    let mut stored = 0;
    for (name, expected, holds) in [
        ("rate-1", exactly(2), true),
        ("rate-1", StreamExists, true),
        ("rate-1", Any, true),
        ("rate-2", NoStream, true),
        ("rate-2", Any, true),
        ("rate-1", exactly(1), false),
        ("rate-1", exactly(3), false),
        ("rate-1", NoStream, false),
        ("rate-2", exactly(1), false),
        ("rate-2", StreamExists, false),
    ] {
        let told = format!("{name}, expected {expected}");
        let answer = store.append_many(guarded(name, expected)).await;
        ensure_eq!(answer.is_ok(), holds, "{told}: the append succeeds");
        stored += usize::from(holds);
        if let Ok(appended) = answer {
            ensure_eq!(appended.streams.len(), 1, "{told}: streams that were given events");
        }
        // A check alone stores nothing and can be asked for.
        let checked = store.append_many(AppendMany::new().check(stream(name), expected)).await;
        ensure_eq!(
            checked.map(|checked| checked.streams.len()).ok(),
            holds.then_some(0),
            "{told}: the check alone"
        );
    }

    ensure_eq!(whole_stream(&store, &stream("order-1")).await?.len(), stored, "events of the guarded stream");
    ensure_eq!(store.stream_info(&stream("rate-1")).await?.version.get(), 2, "version of the checked stream");
    let missing = store.stream_info(&stream("rate-2")).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the stream that was checked to be missing");
    store.append(append("rate-2", 1).expecting(NoStream)).await?;
    Ok(())
}

/// 18: an append that asks nothing of any stream does nothing; one that names a stream twice is refused, and
/// so is one that holds an event id twice, also in two streams.
pub async fn a_stream_is_named_once_and_an_event_id_too<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let nothing = store.append_many(AppendMany::new().append(stream("a-1"), Any, []).with_key("k")).await?;
    ensure_eq!(nothing.streams.len(), 0, "receipts of nothing");

    let twice = AppendMany::new().append(stream("a-1"), Any, [counted(1)]).check(stream("a-1"), NoStream);
    let refused = store.append_many(twice).await;
    let named =
        ensure_matches!(refused, Err(AppendError::DuplicateStream(stream)) => stream, "a stream twice");
    ensure_eq!(named.as_str(), "a-1", "the stream that is named");

    let event = counted(1);
    let one_id = AppendMany::new().append(stream("a-1"), Any, [event.clone()]).append(
        stream("b-1"),
        Any,
        [event.clone()],
    );
    let refused = store.append_many(one_id).await;
    let named = ensure_matches!(refused, Err(AppendError::DuplicateEventId(id)) => id, "an id twice");
    ensure_eq!(named, event.id, "the id that is named");
    let log = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    ensure_eq!(log.events.len(), 0, "events in the log");
    Ok(())
}

/// The same append as a writer would decide it anew: other ids, same content.
fn decided_again(request: &AppendMany) -> AppendMany {
    let mut again = request.clone();
    let events = again.streams.iter_mut().flat_map(|part| &mut part.events);
    events.for_each(|event| event.id = EventId::new());
    again
}

fn ensure_repetition(again: AppendedMany, first: &AppendedMany, told: &str) -> CaseResult {
    ensure!(again.already_applied, "{told}: not recognised");
    let receipts = again.streams.into_iter().map(|mut part| {
        part.appended.already_applied = false;
        part
    });
    ensure_eq!(receipts.collect::<Vec<_>>(), first.streams, "{told}: receipts");
    Ok(())
}

/// 18: a repetition is recognised by its ids at exact versions, and by its key in every mode, and returns the
/// first receipts; also after the streams, and what was only checked, have moved on.
pub async fn a_repetition_to_several_streams_returns_the_first_receipts<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    let started = store.append(append("b-1", 2)).await?.to_version;
    store.append(append("rate-1", 1)).await?;
    let by_ids = AppendMany::new()
        .check(stream("rate-1"), Version::FIRST)
        .append(stream("c-1"), NoStream, counted_to(2))
        .check(stream("none-1"), NoStream)
        .append(stream("b-1"), started, counted_to(3));
    let any = |name: &str| (stream(name), Any, counted_to(2));
    let by_key = [any("b-1"), any("d-1")]
        .into_iter()
        .fold(AppendMany::new(), |request, (stream, expected, events)| {
            request.append(stream, expected, events)
        })
        .check(stream("rate-1"), Version::FIRST)
        .with_key("command");

    let first_by_ids = store.append_many(by_ids.clone()).await?;
    let first_by_key = store.append_many(by_key.clone()).await?;
    for name in ["b-1", "c-1", "rate-1", "none-1"] {
        store.append(append(name, 1)).await?;
    }
    let events = store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len();

    ensure_repetition(store.append_many(by_ids.clone()).await?, &first_by_ids, "by ids")?;
    ensure_repetition(store.append_many(by_key.clone()).await?, &first_by_key, "by key")?;
    ensure_repetition(store.append_many(decided_again(&by_key)).await?, &first_by_key, "decided again")?;
    let decided_anew = store.append_many(decided_again(&by_ids)).await;
    ensure_matches!(
        decided_anew,
        Err(AppendError::WrongVersion { .. }),
        "other events at versions that are gone"
    );
    let mut half = by_ids.clone();
    half.streams[1].events.pop();
    let half = store.append_many(half.append(stream("e-1"), NoStream, [counted(1)])).await;
    ensure_matches!(half, Err(AppendError::WrongVersion { .. }), "events of which only some are there");
    let other = by_key.clone().append(stream("e-1"), Any, [counted(1)]);
    let refused = store.append_many(other).await;
    ensure_matches!(refused, Err(AppendError::KeyReused { .. }), "another append under the key");
    let of_one = store.find_append("command".into(), None).await;
    ensure_matches!(
        of_one,
        Err(AppendError::KeyReused { .. }),
        "the receipt of one stream under the key of two"
    );
    let after = store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len();
    ensure_eq!(after, events, "events in the log");
    Ok(())
}

/// 18: writers of overlapping sets of streams, each in an order of its own, all succeed, however many there
/// are; versions stay dense, and every append is whole.
pub async fn writers_of_overlapping_streams_never_block_each_other_for_ever<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    const WRITERS: usize = 12;
    const ROUNDS: usize = 25;
    const STREAMS: usize = 7;
    let store = harness.store();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            let mut random = fastrand::Rng::with_seed(writer as u64);
            let mut receipts = Vec::new();
            for round in 0..ROUNDS {
                // Streams come to be all the time, so that locks on new names are waited for too.
                let mut names: Vec<_> = (0..STREAMS).map(|n| format!("hot-{}", n + round / 5)).collect();
                random.shuffle(&mut names);
                names.truncate(random.usize(2..=5));
                let mut request = AppendMany::new();
                for name in names {
                    request = match random.u8(0..5) {
                        0 => request.check(stream(&format!("never-{name}")), NoStream),
                        _ => request.append(stream(&name), Any, counted_to(random.usize(1..=2))),
                    };
                }
                receipts.push(store.append_many(request).await?);
            }
            Ok::<_, AppendError>(receipts)
        });
    }
    let all = async {
        let mut receipts: Vec<AppendedMany> = Vec::new();
        while let Some(writer) = writers.join_next().await {
            receipts.extend(writer??);
        }
        Ok::<_, CaseFailure>(receipts)
    };
    let receipts = within(all, "every writer gets its answers").await?;

    ensure_eq!(receipts.len(), WRITERS * ROUNDS, "appends");
    let parts: Vec<_> = receipts.iter().flat_map(|receipt| &receipt.streams).collect();
    let end = parts.iter().map(|part| part.appended.to_position).max().unwrap_or_default();
    ensure_log_order(&log_up_to(&store, end).await?)?;
    for name in (0..STREAMS + ROUNDS / 5).map(|n| stream(&format!("hot-{n}"))) {
        let mut of_stream: Vec<Appended> =
            parts.iter().filter(|part| part.stream == name).map(|part| part.appended).collect();
        if of_stream.is_empty() {
            continue;
        }
        of_stream.sort_by_key(|appended| appended.from_version);
        let mut version = Version::NONE;
        for appended in of_stream {
            ensure_eq!(appended.from_version, version.next(), "{name}: first version of the next append");
            version = appended.to_version;
        }
        let dense: Vec<_> = (1..=version.get()).collect();
        ensure_eq!(versions_of(&whole_stream(&store, &name).await?), dense, "{name}: versions");
    }
    Ok(())
}

/// 18: of appends to several streams under one key that are sent at once one is stored and all get its
/// receipts, whatever they expect.
pub async fn appends_to_several_streams_under_one_key_are_stored_once<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    for (n, expected) in [Any, NoStream].into_iter().enumerate() {
        let request = AppendMany::new()
            .append(stream(&format!("b-{n}")), expected, counted_to(2))
            .append(stream(&format!("a-{n}")), expected, counted_to(1))
            .check(stream("none-1"), NoStream)
            .with_key(format!("command {n}").as_str());
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (store, request) = (store.clone(), decided_again(&request));
            senders.spawn(async move { store.append_many(request).await });
        }
        let answers = within(async { Ok(senders.join_all().await) }, "all senders get their answers").await?;

        let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (again, first): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.already_applied);
        ensure_eq!(first.len(), 1, "expecting {expected}: appends that stored something");
        for again in again {
            ensure_repetition(again, &first[0], &format!("expecting {expected}"))?;
        }
        let stored = whole_stream(&store, &stream(&format!("b-{n}"))).await?;
        ensure_eq!(stored.len(), 2, "expecting {expected}: events stored");
        let next = store.append(append(&format!("b-{n}"), 1)).await?;
        ensure_eq!(next.from_version.get(), 3, "expecting {expected}: version of the next append");
    }
    let missing = store.stream_info(&stream("none-1")).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the stream that was only checked");
    Ok(())
}

/// 12: where event ids are required to be unique, one that stands in the log already is refused, in the same
/// stream and in another one; a repetition still finds its first receipt.
pub async fn a_known_event_id_is_refused_where_ids_are_unique<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    harness.require_unique_event_ids().await?;
    let known = counted(1);
    let creating = Append::to(stream("thing-1"), [known.clone()]).expecting(NoStream);
    let first = store.append(creating.clone()).await?;
    let with_known = |name: &str| Append::to(stream(name), [counted(3), known.clone()]);

    for name in ["thing-1", "thing-2"] {
        let refused = store.append(with_known(name)).await;
        let named = ensure_matches!(refused, Err(AppendError::DuplicateEventId(id)) => id, "in {name}");
        ensure_eq!(named, known.id, "in {name}: the id that is named");
        let many = AppendMany::new().append(stream(name), Any, [known.clone()]);
        let refused = store.append_many(many).await;
        ensure_matches!(refused, Err(AppendError::DuplicateEventId(_)), "in {name}, among several");
    }

    let again = store.append(creating).await?;
    ensure_eq!(again, Appended { already_applied: true, ..first }, "receipt of the repetition");
    let log = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    ensure_eq!(log.events.len(), 1, "events in the log");
    Ok(())
}
