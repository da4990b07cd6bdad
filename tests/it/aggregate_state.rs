//! States of aggregates that are kept, in memory or as snapshots: they never outlive what they stand on.

use annals::aggregates::{Aggregate, CacheOptions, Context, ExecuteError, SnapshotPolicy};
use annals::eventstore::{EventStore, ReadError, Version};
use annals_devdb::TestResult;

use crate::support::{Counter, Full, TestDb, counters};

/// What deleting a stream does to it.
const DELETE: &str = "update annals.streams set first_version = version + 1";

#[tokio::test]
async fn a_tail_tells_that_a_stream_was_deleted_and_began_again() -> TestResult {
    let db = TestDb::fresh().await?;
    let (counters, client, stream) = (counters(&db), db.connect().await?, Counter::stream_name(&1)?);
    for by in [10, 20] {
        counters.execute(&1, by, &Context::new()).await?;
    }
    client.execute(DELETE, &[]).await?;
    let deleted = counters.store().read_tail(&stream, Version::NONE.advance(2), 10).await;
    assert!(matches!(deleted, Err(ReadError::StreamNotFound(_))), "{deleted:?}");
    counters.execute(&1, 5, &Context::new()).await?;

    let tail = counters.store().read_tail(&stream, Version::NONE.advance(2), 10).await?;
    let missed = counters.store().read_tail(&stream, Version::NONE.advance(3), 10).await?;

    assert_eq!((tail.first_version.get(), tail.version.get(), tail.events.len()), (3, 3, 1));
    assert_eq!((missed.first_version.get(), missed.version.get(), missed.events.len()), (3, 3, 0));
    assert_eq!(counters.load(&1).await?.state, Counter(5));
    Ok(())
}

#[tokio::test]
async fn a_kept_state_is_built_anew_where_its_stream_was_deleted_or_began_again() -> TestResult {
    let db = TestDb::fresh().await?;
    let (others, client, context) = (counters(&db), db.connect().await?, Context::new());
    let kept = counters(&db).with_cache(CacheOptions::default());
    kept.execute(&1, 90, &context).await?;
    kept.execute(&2, 90, &context).await?;
    client.execute(DELETE, &[]).await?;
    others.execute(&2, 1, &context).await?;

    let deleted = kept.execute(&1, 50, &context).await?;
    let began_again = kept.execute(&2, 50, &context).await?;

    assert_eq!(deleted.loaded().map(|loaded| loaded.state.0), Some(50));
    assert_eq!(began_again.loaded().map(|loaded| loaded.state.0), Some(51));
    for id in [1, 2] {
        let executed = kept.execute(&id, 1, &context).await?;
        assert_eq!(executed.loaded(), Some(&others.load(&id).await?), "counter {id}");
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_on_a_kept_state_is_not_given_for_a_stream_that_began_again() -> TestResult {
    let db = TestDb::fresh().await?;
    let (client, context) = (db.connect().await?, Context::new());
    let kept = counters(&db).with_cache(CacheOptions::default());
    kept.execute(&1, 100, &context).await?;
    let refused = kept.execute(&1, 1, &context).await;
    assert!(matches!(refused, Err(ExecuteError::Refused(Full))), "{refused:?}");
    client.execute(DELETE, &[]).await?;

    let executed = kept.execute(&1, 1, &context).await?;

    assert_eq!(executed.loaded().map(|loaded| (loaded.state.0, loaded.version.get())), Some((1, 2)));
    Ok(())
}

#[tokio::test]
async fn a_snapshot_counts_only_while_its_stream_is_what_it_was() -> TestResult {
    let spoils = [
        ("nothing", "select", 15),
        ("deleted and begun again", "update annals.streams set first_version = version + 1", 0),
        ("cut off", "update annals.streams set first_version = 3", 12),
        ("damaged", "update annals.snapshots set state = '1000'", 15),
        ("moved", "update annals.snapshots set version = version - 1", 15),
        ("of another log", "update annals.snapshots set event_id = gen_random_uuid()", 15),
        ("beyond the end", "update annals.snapshots set version = version + 100", 15),
        ("of another shape", "update annals.snapshots set shape = 'v0'", 15),
    ];
    for (told, spoil, left) in spoils {
        let db = TestDb::fresh().await?;
        let (client, context) = (db.connect().await?, Context::new());
        let snapping = counters(&db).with_snapshots(SnapshotPolicy::every(4));
        for by in 1..=5 {
            snapping.execute(&1, by, &context).await?;
            snapping.flush_snapshots().await;
        }
        let kept: i64 = client.query_one("select version from annals.snapshots", &[]).await?.get(0);
        assert_eq!(kept, 4);
        client.batch_execute(spoil).await?;

        snapping.execute(&1, 3, &context).await?;

        let loaded = snapping.load(&1).await?;
        assert_eq!(loaded, counters(&db).load(&1).await?, "{told}");
        assert_eq!(loaded.state, Counter(left + 3), "{told}");
    }
    Ok(())
}
