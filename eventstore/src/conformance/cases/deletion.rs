//! Deleting, truncating, tombstoning: what a stream shows afterwards, and what is appended to it.

use crate::append::{Append, AppendError, Appended};
use crate::append_many::AppendMany;
use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{append, counted_to, stream, versions_of, whole_stream};
use crate::conformance::harness::{SqlHarness, StoreHarness};
use crate::conformance::transaction::sqlstate_of;
use crate::deletion::{Deletion, DeletionError};
use crate::position::GlobalPosition;
use crate::read::{ReadError, StreamListQuery, StreamQuery};
use crate::retention::StreamRetention;
use crate::store::EventStore;
use crate::stream::StreamName;
use crate::version::{ExpectedVersion, Version};

pub(super) fn of(name: &str) -> Deletion {
    Deletion::of(stream(name))
}

pub(super) fn at(version: u64) -> Version {
    Version::NONE.advance(version)
}

/// Fails unless every read says that there is no such stream.
async fn ensure_not_found<S: EventStore>(store: &S, name: &StreamName, told: &str) -> CaseResult {
    for query in [StreamQuery::forward(), StreamQuery::backward(), StreamQuery::forward().from(at(99))] {
        let read = store.read_stream(name, query).await;
        ensure_matches!(read, Err(ReadError::StreamNotFound(_)), "{told}, reading {query:?}");
    }
    ensure_matches!(store.stream_info(name).await, Err(ReadError::StreamNotFound(_)), "{told}, information");
    let listed = store.list_streams(StreamListQuery::default()).await?;
    ensure!(listed.iter().all(|info| info.name != *name), "{told}: the stream is listed");
    Ok(())
}

/// 28: reads of a deleted stream say that there is none; `NoStream` and `Any` begin it again, behind the version it
/// ended at; the other streams stay.
pub async fn a_deleted_stream_is_not_found_and_begins_again_where_it_ended<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    for (name, begins) in [("thing-1", ExpectedVersion::NoStream), ("thing-2", ExpectedVersion::Any)] {
        store.append(append(name, 3)).await?;
        store.append(append("other-1", 1)).await?;

        let deleted = operator.delete_stream(of(name).because("a test")).await?;

        ensure_eq!((deleted.version, deleted.first_version), (at(3), at(4)), "receipt of {name}");
        ensure!(!deleted.already_applied, "{name} was there, and the receipt says that it was not");
        ensure_not_found(&store, &stream(name), "after the deletion").await?;

        let again = store.append(append(name, 2).expecting(begins)).await?;
        ensure_eq!((again.from_version, again.to_version), (at(4), at(5)), "versions after {begins}");
        ensure_eq!(versions_of(&whole_stream(&store, &stream(name)).await?), [4, 5], "versions read");
        let backward = store.read_stream(&stream(name), StreamQuery::backward()).await?;
        ensure_eq!(versions_of(&backward), [5, 4], "versions read backward");
        let info = store.stream_info(&stream(name)).await?;
        ensure_eq!((info.version, info.first_version), (at(5), at(4)), "information");
        let listed = store.list_streams(StreamListQuery::default()).await?;
        ensure!(listed.contains(&info), "the stream that began again is not listed");
    }
    ensure_eq!(whole_stream(&store, &stream("other-1")).await?.len(), 2, "events of the other stream");
    Ok(())
}

/// 28: a deleted stream is none to those who expect one: `StreamExists` and every exact version are refused, by a
/// single append and by one to several streams, and nothing is written.
pub async fn a_deleted_stream_is_none_to_those_who_expect_one<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    store.append(append("thing-1", 3)).await?;
    operator.delete_stream(of("thing-1")).await?;

    for expected in [ExpectedVersion::StreamExists, at(3).into(), at(2).into(), at(4).into()] {
        let many = |events| {
            AppendMany::new().append(stream("a"), ExpectedVersion::Any, counted_to(1)).append(
                stream("thing-1"),
                expected,
                counted_to(events),
            )
        };
        for refused in [
            store.append(append("thing-1", 1).expecting(expected)).await.err(),
            store.append_many(many(1)).await.err(),
            store.append_many(many(0)).await.err(),
        ] {
            if expected == ExpectedVersion::StreamExists {
                ensure_matches!(refused, Some(AppendError::StreamNotFound(_)), "expecting {expected}");
            } else {
                let actual = ensure_matches!(
                    refused, Some(AppendError::WrongVersion { actual, .. }) => actual, "expecting {expected}");
                ensure_eq!(actual, Version::NONE, "version told to who expects {expected}");
            }
        }
    }
    ensure_not_found(&store, &stream("a"), "after the refusals").await?;
    let guarded = AppendMany::new().check(stream("thing-1"), ExpectedVersion::NoStream).append(
        stream("a"),
        ExpectedVersion::Any,
        counted_to(1),
    );
    store.append_many(guarded).await?;
    ensure_not_found(&store, &stream("thing-1"), "after it was only checked").await
}

/// 28: a deletion, a truncation and a tombstone are refused at a wrong version and of a missing stream, and have
/// changed nothing then.
pub async fn a_deletion_is_refused_unless_the_stream_is_as_expected<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    store.append(append("thing-1", 3)).await?;
    let before = whole_stream(&store, &stream("thing-1")).await?;

    for expected in [ExpectedVersion::NoStream, at(2).into(), at(4).into()] {
        let deletion = of("thing-1").expecting(expected);
        for refused in [
            operator.delete_stream(deletion.clone()).await,
            operator.truncate_stream(deletion.clone(), at(2)).await,
            operator.tombstone_stream(deletion.clone()).await,
        ] {
            let told = ensure_matches!(
                refused,
                Err(DeletionError::WrongVersion { expected, actual, .. }) => (expected, actual),
                "expecting {expected}"
            );
            ensure_eq!(told, (expected, at(3)), "what is told");
        }
    }
    for refused in [
        operator.delete_stream(of("missing-1")).await,
        operator.truncate_stream(of("missing-1"), at(1)).await,
        operator.truncate_stream(of("missing-1").expecting(ExpectedVersion::Any), at(1)).await,
        operator.tombstone_stream(of("missing-1")).await,
    ] {
        ensure_matches!(refused, Err(DeletionError::StreamNotFound(_)), "of a missing stream");
    }
    let nothing = operator.delete_stream(of("missing-1").expecting(ExpectedVersion::Any)).await?;
    ensure!(nothing.already_applied, "a missing stream was deleted");
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?, before, "the stream");

    let exact = of("thing-1").expecting(at(3));
    operator.truncate_stream(exact.clone(), at(2)).await?;
    operator.delete_stream(exact.clone()).await?;
    let again = operator.delete_stream(exact).await;
    ensure_matches!(
        again,
        Err(DeletionError::WrongVersion { .. }),
        "deleting a deleted stream at its version"
    );
    let again = operator.delete_stream(of("thing-1").expecting(ExpectedVersion::Any)).await?;
    ensure!(again.already_applied, "a deleted stream was deleted once more");
    Ok(())
}

/// 28: reads of a truncated stream begin at the version given, whatever they ask for, and its versions go on.
pub async fn a_truncated_stream_is_read_from_its_first_version<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    store.append(append("thing-1", 6)).await?;

    let truncated = operator.truncate_stream(of("thing-1"), at(4)).await?;

    ensure_eq!((truncated.version, truncated.first_version), (at(6), at(4)), "receipt");
    ensure!(!truncated.already_applied, "the receipt says that it was truncated before");
    let name = stream("thing-1");
    for (query, promised) in [
        (StreamQuery::forward(), vec![4, 5, 6]),
        (StreamQuery::forward().from(at(2)).limit(2), vec![4, 5]),
        (StreamQuery::forward().from(at(5)), vec![5, 6]),
        (StreamQuery::backward(), vec![6, 5, 4]),
        (StreamQuery::backward().from(at(4)), vec![4]),
        (StreamQuery::backward().from(at(3)), vec![]),
    ] {
        let read = store.read_stream(&name, query).await?;
        ensure_eq!(versions_of(&read), promised, "versions of {query:?}");
    }
    ensure_eq!(store.stream_info(&name).await?.first_version, at(4), "first version");

    let earlier = operator.truncate_stream(of("thing-1"), at(2)).await?;
    ensure!(earlier.already_applied, "truncated before an earlier version");
    ensure_eq!(earlier.first_version, at(4), "first version after an earlier truncation");
    let gone_on = store.append(append("thing-1", 1).expecting(at(6))).await?;
    ensure_eq!(gone_on.to_version, at(7), "version of the next event");
    ensure_eq!(operator.truncate_stream(of("thing-1"), at(7)).await?.first_version, at(7), "the last one");
    ensure_eq!(versions_of(&whole_stream(&store, &name).await?), [7], "versions that are left");
    for nothing in [at(0), at(8)] {
        let refused = operator.truncate_stream(of("thing-1"), nothing).await;
        ensure_matches!(refused, Err(DeletionError::Malformed(_)), "truncating before {nothing}");
    }
    Ok(())
}

/// 28: a tombstoned stream takes no append, in any mode, and is read as deleted, for ever; a deleted one can be
/// tombstoned as well.
pub async fn a_tombstoned_stream_is_closed_for_ever<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    for name in ["thing-1", "thing-2"] {
        store.append(append(name, 2)).await?;
    }
    operator.delete_stream(of("thing-2")).await?;

    operator.tombstone_stream(of("thing-1").expecting(at(2))).await?;
    operator.tombstone_stream(of("thing-2").expecting(ExpectedVersion::NoStream)).await?;

    for name in ["thing-1", "thing-2"].map(stream) {
        for expected in [
            ExpectedVersion::Any,
            ExpectedVersion::NoStream,
            ExpectedVersion::StreamExists,
            at(2).into(),
            at(3).into(),
        ] {
            let one = append(name.as_str(), 1).expecting(expected);
            let many = AppendMany::new().append(name.clone(), expected, counted_to(1));
            let checked = AppendMany::new().append(stream("a"), ExpectedVersion::Any, counted_to(1));
            let refused = [store.append(one).await.err(), store.append_many(many).await.err()];
            for refused in refused {
                let told = ensure_matches!(
                    refused, Some(AppendError::StreamTombstoned(told)) => told, "{name}, expecting {expected}");
                ensure_eq!(told, name, "the stream that is named");
            }
            if expected != ExpectedVersion::Any {
                let refused = store.append_many(checked.check(name.clone(), expected)).await;
                ensure_matches!(refused, Err(AppendError::StreamTombstoned(_)), "{name} is only checked");
            }
        }
        let read = store.read_stream(&name, StreamQuery::forward()).await;
        ensure_matches!(read, Err(ReadError::StreamDeleted(_)), "reading {name}");
        ensure_matches!(store.stream_info(&name).await, Err(ReadError::StreamDeleted(_)), "about {name}");
        let again = operator.tombstone_stream(Deletion::of(name.clone())).await?;
        ensure!(again.already_applied, "{name} was tombstoned twice");
        let any = Deletion::of(name.clone()).expecting(ExpectedVersion::Any);
        let refused = operator.delete_stream(any.clone()).await;
        ensure_matches!(refused, Err(DeletionError::StreamTombstoned(_)), "deleting {name}");
        let refused = operator.truncate_stream(any, at(1)).await;
        ensure_matches!(refused, Err(DeletionError::StreamTombstoned(_)), "truncating {name}");
    }
    let wrong = operator.tombstone_stream(of("thing-1").expecting(at(1))).await;
    ensure_matches!(wrong, Err(DeletionError::StreamTombstoned(_)), "tombstoned at another version");
    let listed = store.list_streams(StreamListQuery::default()).await?;
    ensure_eq!(listed, [], "streams that are listed");
    Ok(())
}

/// 28: a name that no stream ever had can be closed for ever.
pub async fn a_name_without_a_stream_can_be_tombstoned<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    for (name, expected) in [("thing-1", ExpectedVersion::NoStream), ("thing-2", ExpectedVersion::Any)] {
        let closed = operator.tombstone_stream(of(name).expecting(expected)).await?;

        ensure_eq!((closed.version, closed.already_applied), (Version::NONE, false), "receipt");
        let refused = store.append(append(name, 1)).await;
        ensure_matches!(refused, Err(AppendError::StreamTombstoned(_)), "an append to {name}");
        let read = store.read_stream(&stream(name), StreamQuery::forward()).await;
        ensure_matches!(read, Err(ReadError::StreamDeleted(_)), "a read of {name}");
    }
    Ok(())
}

/// 28: the log goes on showing the events of streams that were deleted, truncated or tombstoned.
pub async fn the_log_shows_what_was_deleted<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    let mut end = GlobalPosition::START;
    for name in ["thing-1", "thing-2", "thing-3", "thing-1", "thing-2", "thing-3"] {
        end = store.append(append(name, 2)).await?.to_position;
    }
    let before = log_up_to(&store, end).await?;
    ensure_eq!(before.len(), 12, "events in the log");

    operator.delete_stream(of("thing-1")).await?;
    operator.truncate_stream(of("thing-2"), at(3)).await?;
    operator.tombstone_stream(of("thing-3")).await?;

    ensure_eq!(log_up_to(&store, end).await?, before, "the log");
    Ok(())
}

/// 28: events are recognised by their ids after their stream was deleted, whatever began it again since.
pub async fn a_repetition_is_recognised_after_a_deletion<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    let mut known = Vec::new();
    for round in 0..3 {
        let creating = append("thing-1", 2).expecting(ExpectedVersion::NoStream);
        known.push((creating.clone(), store.append(creating).await?));
        let going_on = append("thing-1", 1).expecting(at(3 * round + 2));
        known.push((going_on.clone(), store.append(going_on).await?));
        for deleted in [false, true] {
            if deleted {
                operator.delete_stream(of("thing-1")).await?;
            }
            for (request, first) in &known {
                let told = format!("round {round}, deleted {deleted}, expecting {}", request.expected);
                let again = store.append(request.clone()).await?;
                ensure_eq!(again, Appended { already_applied: true, ..*first }, "{told}");
                let many =
                    AppendMany::new().append(stream("thing-1"), request.expected, request.events.clone());
                let again = store.append_many(many).await?;
                ensure!(again.already_applied, "{told}: stored twice, with others");
                ensure_eq!(again.streams[0].appended.from_position, first.from_position, "{told}");
            }
        }
    }
    let other = store.append(append("thing-1", 1).expecting(ExpectedVersion::NoStream)).await?;
    ensure_eq!((other.from_version, other.already_applied), (at(10), false), "other events");
    Ok(())
}

/// 28: appends and deletions that come at once leave versions without a gap, and every append that succeeded.
pub async fn appends_and_deletions_at_once_leave_no_gap<H: StoreHarness>(harness: &H) -> CaseResult {
    const WRITERS: usize = 4;
    let (store, operator) = (harness.store(), harness.operator());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        let expected = if writer % 2 == 0 { ExpectedVersion::Any } else { ExpectedVersion::NoStream };
        writers.spawn(async move {
            let mut stored = Vec::new();
            for _ in 0..20 {
                match store.append(append("thing-1", 1).expecting(expected)).await {
                    Ok(appended) => stored.push(appended.from_version.get()),
                    Err(AppendError::WrongVersion { .. }) => {}
                    Err(error) => return Err(CaseFailure::from(error)),
                }
            }
            CaseResult::Ok(stored)
        });
    }
    let mut deleted = 0;
    for _ in 0..20 {
        let deletion = of("thing-1").expecting(ExpectedVersion::Any);
        deleted += u32::from(!operator.delete_stream(deletion).await?.already_applied);
        tokio::task::yield_now().await;
    }

    let mut stored = Vec::new();
    while let Some(writer) = writers.join_next().await {
        stored.extend(writer??);
    }
    let end = store.append(Append::to(stream("last-1"), counted_to(1))).await?.to_position;
    let log = log_up_to(&store, end).await?;
    stored.sort_unstable();
    let dense: Vec<_> = (1..=i64::try_from(stored.len())?).collect();
    ensure_eq!(stored, dense, "versions of the appends that succeeded");
    ensure_eq!(versions_of(&log[..log.len() - 1]), dense, "versions in the order of the log");
    ensure!(stored.len() >= 40 && deleted <= 20, "{} appends, {deleted} deletions", stored.len());
    Ok(())
}

/// 28: in SQL each refusal has its SQLSTATE, and who asked, when and why is kept.
pub async fn deletions_in_sql_have_their_sqlstates_and_are_kept<H: SqlHarness>(harness: &H) -> CaseResult {
    let (client, schema) = (harness.connect().await?, harness.schema());
    let store = harness.store();
    store.append(append("thing-1", 3)).await?;
    store.append(append("shown-1", 1)).await?;
    for (call, state) in [
        ("delete_stream('thing-1', 2)", "LG001"),
        ("delete_stream('missing-1')", "LG001"),
        ("delete_stream('thing-1', null)", "LG004"),
        ("delete_stream('$reserved')", "LG005"),
        ("truncate_stream('thing-1', 4)", "LG004"),
        ("truncate_stream('thing-1', null)", "LG004"),
        ("scrub_stream('missing-1')", "LG001"),
        ("scrub_stream('shown-1')", "LG012"),
        ("scrub_stream('thing-1', null, 0)", "LG004"),
        ("truncate_stream('thing-1', 2, 3, 'too long')", ""),
        ("delete_stream('thing-1', -2, 'of no use')", ""),
        ("tombstone_stream('thing-1', 0, 'never again')", ""),
        ("tombstone_stream('thing-1', 2)", "LG002"),
        ("delete_stream('thing-1')", "LG002"),
        ("scrub_stream('thing-1', 'by law')", ""),
    ] {
        let answer = client.query(&format!("select * from {schema}.{call}"), &[]).await;
        ensure_eq!(answer.as_ref().err().map_or("", sqlstate_of), state, "SQLSTATE of {call}");
    }

    let kept = format!(
        "select verb, stream_name, version, first_version, reason, events_removed,
             requested_by = session_user and requested_at <= finished_at
         from {schema}.deletions order by deletion_id"
    );
    let mut told = Vec::new();
    for row in client.query(&kept, &[]).await? {
        ensure!(row.try_get::<_, bool>(6)?, "who and when");
        told.push(format!(
            "{} {} {} {} {} {}",
            row.try_get::<_, &str>(0)?,
            row.try_get::<_, &str>(1)?,
            row.try_get::<_, i64>(2)?,
            row.try_get::<_, i64>(3)?,
            row.try_get::<_, &str>(4)?,
            row.try_get::<_, i64>(5)?,
        ));
    }
    let promised = [
        "truncate thing-1 3 2 too long 0",
        "delete thing-1 3 4 of no use 0",
        "tombstone thing-1 3 4 never again 0",
        "scrub thing-1 3 4 by law 3",
    ];
    ensure_eq!(told, promised, "what is kept");
    Ok(())
}
