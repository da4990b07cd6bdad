//! Expectations: what an append is refused for, and what the refusal says.

use crate::append::AppendError;
use crate::conformance::failure::{CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::given::{append, stream, whole_stream};
use crate::conformance::harness::StoreHarness;
use crate::position::GlobalPosition;
use crate::read::{LogQuery, ReadError};
use crate::store::EventStore;
use crate::version::{ExpectedVersion, Version};

/// Appends two events under an expectation that does not hold.
async fn refused<S: EventStore>(store: &S, name: &str, expected: ExpectedVersion) -> CaseResult<Version> {
    let refused = store.append(append(name, 2).expecting(expected)).await;
    let told = format!("an append to {name} that expects {expected}");
    let (at, asked, actual) = ensure_matches!(
        refused,
        Err(AppendError::WrongVersion { stream, expected, actual }) => (stream, expected, actual),
        "{told}"
    );
    ensure_eq!(at, stream(name), "{told}: stream of the refusal");
    ensure_eq!(asked, expected, "{told}: expectation of the refusal");
    Ok(actual)
}

/// 5: expecting no stream is refused where there is one; the refusal tells its version.
pub async fn expecting_no_stream_is_refused_by_an_existing_one<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    store.append(append("thing-1", 3)).await?;

    let actual = refused(&store, "thing-1", ExpectedVersion::NoStream).await?;

    ensure_eq!(actual.get(), 3, "actual version");
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 3, "events in the stream");
    Ok(())
}

/// 5: expecting exactly version 0 is expecting no stream.
pub async fn expecting_version_zero_is_expecting_no_stream<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let zero = ExpectedVersion::Exact(Version::NONE);

    let request = append("thing-1", 1).expecting(zero);
    let appended = store.append(request.clone()).await?;

    ensure_eq!(appended.to_version, Version::FIRST, "version of the new stream");
    ensure_eq!(refused(&store, "thing-1", zero).await?, Version::FIRST, "actual version");
    let same_events = store.append(request.expecting(ExpectedVersion::NoStream)).await?;
    ensure!(same_events.already_applied, "the same events at no stream are not recognised");
    Ok(())
}

/// 6: expecting a stream where there is none is refused by name; once there is one it holds.
pub async fn expecting_a_stream_is_refused_by_a_missing_one<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let request = append("thing-1", 1).expecting(ExpectedVersion::StreamExists);

    let refused = store.append(request.clone()).await;

    let name = ensure_matches!(refused, Err(AppendError::StreamNotFound(name)) => name, "the append");
    ensure_eq!(name, stream("thing-1"), "the stream that is named");
    let missing = store.stream_info(&stream("thing-1")).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the stream afterwards");
    store.append(append("thing-1", 1)).await?;
    ensure_eq!(store.append(request).await?.to_version.get(), 2, "version once the stream exists");
    Ok(())
}

/// 7: an exact version that is lower or higher than the actual one, or meets no stream, is refused with
/// the actual one, and nothing is written.
pub async fn a_wrong_exact_version_is_refused_with_the_actual_one<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    store.append(append("thing-1", 3)).await?;
    let before = store.read_log(LogQuery::after(GlobalPosition::START)).await?;

    for (name, wrong, promised) in
        [("thing-1", 1, 3), ("thing-1", 2, 3), ("thing-1", 4, 3), ("thing-1", i64::MAX, 3), ("thing-2", 1, 0)]
    {
        let actual = refused(&store, name, Version::try_from(wrong)?.into()).await?;
        ensure_eq!(actual.get(), promised, "actual version of {name}, expected was {wrong}");
    }

    let after = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    ensure_eq!(after.events, before.events, "the log");
    let missing = store.stream_info(&stream("thing-2")).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the stream that was never written");
    Ok(())
}
