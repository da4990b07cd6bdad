//! What passes a filter is read through an index where there is one, and through the log where there is none.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{
    IndexState, OptionalIndex, SchemaName, add_index, drop_index, optional_indexes,
};
use annals_eventstore::{
    Append, Category, CorrelationId, EventFilter, EventStore, EventType, GlobalPosition, LogQuery, NewEvent,
};
use tokio_postgres::Client;

use crate::support::{TestDb, until_waiting};

/// 45 000 events, the last 5 000 in streams of their own; of each hundred streams before them one is of the category `rare`, of each hundred events one is `rare` and
/// one in a conversation. All of them came in one day, a second after the other.
const FILL: &str = "
    select annals.append(case when n % 100 = 0 then 'rare-' else 'often-' end || n, -2, (
        select json_agg(json_build_object('type', case when m = 50 then 'rare' else 'often' end, 'data', m, 'metadata',
            case when m = 70 then json_build_object('correlation_id', 'talk ' || n % 4) end))
        from generate_series(1, 100) as m))
    from generate_series(1, 400) as n;
    select annals.append('single-' || n, -2, '[{\"type\": \"often\", \"data\": 1}]') from generate_series(1, 5000) as n;
    alter table annals.events disable trigger all;
    update annals.events set recorded_at = '2026-01-01'::timestamptz + position * interval '1 s';
    alter table annals.events enable always trigger events_are_immutable";

/// What each index is for: arguments of the query, and the index it goes through.
const SERVED: [(OptionalIndex, &str, &str); 5] = [
    (OptionalIndex::Category, "null, '{rare}', null, null, null, null, null, null", "streams_category_idx"),
    (
        OptionalIndex::EventType,
        "null, null, '{rare}', null, null, null, null, null",
        "events_event_type_position_idx",
    ),
    (
        OptionalIndex::EventId,
        "null, null, null, '{00000000-0000-0000-0000-000000000001}', null, null, null, null",
        "events_event_id_idx",
    ),
    (
        OptionalIndex::Correlation,
        "null, null, null, null, 'talk 3', null, null, null",
        "events_correlation_position_idx",
    ),
    (
        OptionalIndex::RecordedAt,
        "null, null, null, null, null, null, '2026-01-01 05:00+00', '2026-01-01 05:01+00'",
        "events_recorded_at_idx",
    ),
];

async fn filled() -> Result<(TestDb, Client), TestFailure> {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    client.batch_execute(FILL).await?;
    client.batch_execute("vacuum analyze annals.events, annals.streams").await?;
    Ok((db, client))
}

/// Returns the plan of the query that a filtered page runs, with the values at hand.
async fn plan(client: &Client, arguments: &str, backward: bool) -> Result<String, TestFailure> {
    let written = format!("select annals.filtered_query({backward}, {arguments})");
    let query: String = client.query_one(&written, &[]).await?.get(0);
    let prepare = format!(
        "deallocate all; set plan_cache_mode = force_custom_plan;
         prepare page (bigint, bigint, integer, text[], text[], text[], uuid[], text, text, timestamptz, timestamptz,
                       bigint)
         as {query}"
    );
    client.batch_execute(&prepare).await?;
    let from = if backward { 40_001 } else { 0 };
    let explain = format!("explain (costs off) execute page (40000, {from}, 60, {arguments}, null)");
    let lines = client.query(&explain, &[]).await?;
    Ok(lines.iter().map(|line| line.get::<_, String>(0)).collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn each_optional_index_serves_its_filter_and_two_of_them_without_a_sort() -> TestResult {
    let (db, client) = filled().await?;
    let (options, schema) = (db.url().parse()?, SchemaName::default());
    // These give the order of the log themselves; what the others find is few and sorted.
    let in_order = [OptionalIndex::EventType, OptionalIndex::Correlation];

    let mut checked = 0;
    for (index, arguments, relation) in SERVED {
        for backward in [false, true] {
            let without = plan(&client, arguments, backward).await?;
            assert!(!without.contains(relation), "{index}:\n{without}");
        }
        assert!(add_index(&options, &schema, index).await?, "{index} was there");
        for backward in [false, true] {
            let with = plan(&client, arguments, backward).await?;
            assert!(with.contains(relation), "{index}:\n{with}");
            assert!(!in_order.contains(&index) || !with.contains("Sort"), "{index}:\n{with}");
            checked += 1;
        }
        assert!(drop_index(&options, &schema, index).await?, "{index} was gone");
    }

    println!("optional indexes: {checked} plans checked");
    assert_eq!(checked, 10);
    Ok(())
}

#[tokio::test]
async fn reads_give_the_same_events_with_every_index_and_with_none() -> TestResult {
    let (db, _) = filled().await?;
    let (options, schema) = (db.url().parse()?, SchemaName::default());
    let filters = || -> Result<Vec<EventFilter>, TestFailure> {
        Ok(vec![
            EventFilter::all().categories([Category::new("rare")?]),
            EventFilter::all().event_types([EventType::new("rare")?]),
            EventFilter::all().correlation(CorrelationId::new("talk 3")),
            EventFilter::all()
                .recorded_since("2026-01-01T05:00:00Z".parse()?)
                .recorded_before("2026-01-01T05:01:00Z".parse()?),
        ])
    };
    let store = db.store();
    let read = async || -> Result<Vec<Vec<GlobalPosition>>, TestFailure> {
        let mut all = Vec::new();
        for filter in filters()? {
            let forward = LogQuery::after(GlobalPosition::START).wanting(filter.clone()).limit(400);
            let backward = LogQuery::before(GlobalPosition::END).wanting(filter).limit(400);
            for query in [forward, backward] {
                let page = store.read_log(query).await?;
                all.push(page.events.iter().map(|event| event.position).collect());
            }
        }
        Ok(all)
    };

    let without = read().await?;
    for index in OptionalIndex::ALL {
        add_index(&options, &schema, index).await?;
    }
    let with = read().await?;

    let found: Vec<usize> = without.iter().map(Vec::len).collect();
    assert_eq!(found, [400, 400, 400, 400, 100, 100, 60, 60]);
    assert_eq!(with, without);
    Ok(())
}

#[tokio::test]
async fn appends_go_on_while_an_index_is_built_that_waits_for_an_open_transaction() -> TestResult {
    let db = TestDb::fresh().await?;
    let (options, schema) = (db.url().parse()?, SchemaName::default());
    let (open, observer) = (db.connect().await?, db.connect().await?);
    let append = "select annals.append('account-1', -2, '[{\"type\": \"noted\", \"data\": 1}]')";
    open.batch_execute(&format!("begin; {append}")).await?;

    let building = tokio::spawn(async move { add_index(&options, &schema, OptionalIndex::EventType).await });
    until_waiting(&observer, 1).await?;
    let beside = Append::to("account-2".parse()?, [NewEvent::new("noted", &2)?]);
    db.store().append(beside).await?;
    let unfinished = optional_indexes(&db.url().parse()?, &SchemaName::default()).await?;
    open.batch_execute("commit").await?;

    assert!(building.await??);
    let state = |indexes: &[annals_eventstore::postgres::IndexStatus]| {
        indexes.iter().find(|each| each.index == OptionalIndex::EventType).map(|each| each.state)
    };
    assert_eq!(state(&unfinished), Some(IndexState::Unfinished));
    let built = optional_indexes(&db.url().parse()?, &SchemaName::default()).await?;
    assert_eq!(state(&built), Some(IndexState::Ready));
    Ok(())
}

#[tokio::test]
async fn an_index_whose_build_failed_is_built_anew() -> TestResult {
    let db = TestDb::fresh().await?;
    let (options, schema) = (db.url().parse()?, SchemaName::default());
    let owner = db.connect().await?;
    let append = "select annals.append('account-1', -2, '[{\"type\": \"noted\", \"data\": 1}]')";
    owner.batch_execute(&format!("begin; {append}")).await?;
    let given_up = db.connect().await?;
    given_up.batch_execute("set lock_timeout = '50ms'").await?;
    let statement = OptionalIndex::EventType.statement(&schema);
    given_up.batch_execute(&statement).await.expect_err("an open append is waited for");
    owner.batch_execute("commit").await?;

    let left = optional_indexes(&options, &schema).await?;
    let left = left.iter().find(|each| each.index == OptionalIndex::EventType).expect("it is listed");
    assert_eq!(left.state, IndexState::Unfinished);
    assert!(add_index(&options, &schema, OptionalIndex::EventType).await?, "nothing was done");

    let built = optional_indexes(&options, &schema).await?;
    let ready = built.iter().filter(|each| each.state == IndexState::Ready).count();
    assert_eq!(ready, 1, "{built:?}");
    Ok(())
}

#[tokio::test]
async fn unique_event_ids_serve_the_search_for_an_event_and_are_not_dropped() -> TestResult {
    let db = TestDb::fresh().await?;
    let (options, schema) = (db.url().parse()?, SchemaName::default());
    db.connect().await?.batch_execute("select annals.require_unique_event_ids()").await?;

    assert!(!add_index(&options, &schema, OptionalIndex::EventId).await?, "a second index was built");
    assert!(!drop_index(&options, &schema, OptionalIndex::EventId).await?, "event ids may repeat again");

    let event = NewEvent::new("noted", &1)?;
    db.store().append(Append::to("account-1".parse()?, [event.clone()])).await?;
    let found = db.store().find_event(event.id).await?.expect("it is there");
    assert_eq!(found.id, event.id);
    Ok(())
}
