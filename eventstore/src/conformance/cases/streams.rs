//! What the log tells about its streams.

use crate::conformance::failure::{CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::given::{append, stream};
use crate::conformance::harness::{SqlHarness, StoreHarness};
use crate::conformance::transaction::sqlstate_of;
use crate::read::{ReadError, StreamInfo, StreamListQuery};
use crate::store::EventStore;
use crate::stream::StreamName;
use crate::version::Version;

/// 29: a stream's information tells whether it exists and its version.
pub async fn stream_info_tells_existence_and_version<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let missing = store.stream_info(&stream("thing-1")).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "information before the first append");

    let mut version = 0;
    for events in [1, 4] {
        store.append(append("thing-1", events)).await?;
        store.append(append("thing-10", 1)).await?;
        version += events;
        let promised = StreamInfo {
            name: stream("thing-1"),
            version: Version::NONE.advance(version as u64),
            first_version: Version::FIRST,
        };
        ensure_eq!(store.stream_info(&stream("thing-1")).await?, promised, "information");
    }
    Ok(())
}

/// 29: streams are listed by prefix, in byte order, page by page; a prefix is text and no pattern.
pub async fn streams_are_listed_by_prefix_in_byte_order<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    // In byte order, which no language's collation has.
    let all =
        ["A_1", "B-1", "a", "a%1", "a-1", "a-10", "a-2", "aB", "a_1", "ab", "b-1", "Ä-1", "ä-1", "日-1"];
    for (n, name) in all.iter().rev().enumerate() {
        store.append(append(name, n + 1)).await?;
    }

    let promised: [(&str, Option<&str>, usize, &[&str]); 14] = [
        ("", None, 1_000, &all),
        ("a", None, 1_000, &all[2..10]),
        ("a-", None, 1_000, &["a-1", "a-10", "a-2"]),
        ("a-1", None, 1_000, &["a-1", "a-10"]),
        ("a_", None, 1_000, &["a_1"]),
        ("a%", None, 1_000, &["a%1"]),
        ("ä", None, 1_000, &["ä-1"]),
        ("c", None, 1_000, &[]),
        ("", Some("a-2"), 3, &["aB", "a_1", "ab"]),
        ("", Some("a-3"), 1, &["aB"]),
        ("a-", Some("B-1"), 2, &["a-1", "a-10"]),
        ("a-", Some("a-10"), 2, &["a-2"]),
        ("a-", Some("b"), 2, &[]),
        ("", None, 0, &[]),
    ];
    for (prefix, after, limit, names) in promised {
        let after = after.map(stream);
        let query = StreamListQuery { prefix: prefix.into(), after, limit, ..StreamListQuery::default() };
        let told = format!("{query:?}");
        let listed = store.list_streams(query).await?;
        let found: Vec<_> = listed.iter().map(|info| info.name.as_str()).collect();
        ensure_eq!(found, names, "{told}");
        for info in &listed {
            ensure_eq!(
                store.stream_info(&info.name).await?,
                *info,
                "{told}: information about {}",
                info.name
            );
        }
    }
    Ok(())
}

/// 20: in SQL, too, a reserved or malformed stream name is refused, by a SQLSTATE of its own.
pub async fn a_malformed_stream_name_is_refused_in_sql<H: SqlHarness>(harness: &H) -> CaseResult {
    let client = harness.connect().await?;
    let append =
        format!("select from {}.append($1, -2, '[{{\"type\":\"noted\",\"data\":1}}]')", harness.schema());
    let long = "ä".repeat(128);
    for name in ["", "$all", "$", " a-1", "a-1 ", "a\n1", "a\t", "\u{7f}", &long] {
        ensure!(StreamName::new(name).is_err(), "Rust takes {name:?}");
        let refused = client.execute(&append, &[&name]).await;
        let state = refused.as_ref().err().map_or("", sqlstate_of);
        ensure_eq!(state, "LG005", "SQLSTATE for {name:?}");
    }
    Ok(())
}
