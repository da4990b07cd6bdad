//! Reading what passes a filter: the same events whatever the page, and safe places to go on from.

use crate::append::Append;
use crate::conformance::failure::{CaseResult, ensure, ensure_eq};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{append, counted, recorded_ids_of, stream};
use crate::conformance::harness::{SqlHarness, StoreHarness};
use crate::conformance::transaction::OpenTransaction;
use crate::event::{EventType, NewEvent, RecordedEvent};
use crate::event_id::EventId;
use crate::filter::EventFilter;
use crate::metadata::{CausationId, CorrelationId, Metadata};
use crate::position::GlobalPosition;
use crate::read::{LogQuery, StreamInfo, StreamListQuery};
use crate::store::EventStore;
use crate::stream::{Category, StreamName};

/// Names that lie close to the category `thing`, and whether they are of it.
const NAMES: [(&str, bool); 14] = [
    ("-thing-1", false),
    ("Thing-1", false),
    ("a-thing-1", false),
    ("thin-g", false),
    ("thing", true),
    ("thing!1", false),
    ("thing-", true),
    ("thing-1", true),
    ("thing-1-eu-west", true),
    ("thing-ä", true),
    ("thing.1", false),
    ("thing_1", false),
    ("thingy-1", false),
    ("ünthing-1", false),
];

/// Writes events of two types to streams of three categories, in conversations, one append each; reads them
/// back.
async fn written<S: EventStore>(store: &S) -> CaseResult<Vec<RecordedEvent>> {
    let mut end = GlobalPosition::START;
    let mut cause = EventId::new();
    for n in 0..48 {
        let name = ["thing-1", "other-1", "thing-2", "third-1"][n % 4];
        let metadata = Metadata {
            correlation_id: (n % 3 > 0).then(|| CorrelationId::new(format!("talk {}", n % 5))),
            causation_id: (n % 2 > 0).then(|| cause.into()),
            ..Metadata::default()
        };
        let kind = if n % 7 < 2 { "rare" } else { "often" };
        let event = NewEvent::new(kind, &n)?.with_metadata(metadata);
        cause = event.id;
        end = store.append(Append::to(stream(name), [event])).await?.to_position;
    }
    let log = log_up_to(store, end).await?;
    ensure_eq!(log.len(), 48, "events in the log");
    Ok(log)
}

/// Reads forward in pages until the end of the log, going on from where each is settled.
async fn forward<S: EventStore>(
    store: &S,
    filter: &EventFilter,
    page_events: usize,
) -> CaseResult<Vec<RecordedEvent>> {
    let (mut seen, mut cursor) = (Vec::new(), GlobalPosition::START);
    loop {
        let query = LogQuery::after(cursor).wanting(filter.clone()).limit(page_events);
        let page = store.read_log(query).await?;
        let to = page.settled_to;
        ensure!(page.events.len() <= page_events, "{} events on a page of {page_events}", page.events.len());
        ensure!(
            page.events.iter().all(|event| cursor < event.position && event.position <= to),
            "a page after {cursor}, settled to {to}, has an event elsewhere"
        );
        let is_full = page.events.len() == page_events;
        ensure!(
            is_full || to == page.head,
            "a page that is not full is settled to {to}, before {}",
            page.head
        );
        seen.extend(page.events);
        if to == cursor || !is_full {
            return Ok(seen);
        }
        cursor = to;
    }
}

/// Reads backward in pages, going on before the last event of each; returns what came, oldest first.
async fn backward<S: EventStore>(
    store: &S,
    filter: &EventFilter,
    page_events: usize,
) -> CaseResult<Vec<RecordedEvent>> {
    let mut seen: Vec<RecordedEvent> = Vec::new();
    loop {
        let from = seen.last().map_or(GlobalPosition::END, |event| event.position);
        let query = LogQuery::before(from).wanting(filter.clone()).limit(page_events);
        let page = store.read_log(query).await?.events;
        if page.is_empty() {
            seen.reverse();
            return Ok(seen);
        }
        seen.extend(page);
    }
}

/// Fails unless a filter picks exactly these events, both ways and in pages of any size.
async fn ensure_picks<S: EventStore>(
    store: &S,
    filter: &EventFilter,
    promised: &[RecordedEvent],
    told: &str,
) -> CaseResult {
    for page_events in [1, 4, 1_000] {
        let found = forward(store, filter, page_events).await?;
        ensure_eq!(found, promised, "{told}, in pages of {page_events}");
        let found = backward(store, filter, page_events).await?;
        ensure_eq!(found, promised, "{told}, backward in pages of {page_events}");
    }
    Ok(())
}

/// 31: a filter picks events by type, id, stream, category, correlation and causation, and by several of them
/// together, forward and backward, whatever the size of the pages.
pub async fn a_filter_picks_the_events_that_pass_all_its_conditions<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    let whole = written(&store).await?;
    let all = EventFilter::all;
    let talk = |n: usize| CorrelationId::new(format!("talk {n}"));
    let kinds = |names: &[&str]| -> CaseResult<EventFilter> {
        let types: Result<Vec<_>, _> = names.iter().map(|name| EventType::new(*name)).collect();
        Ok(all().event_types(types?))
    };
    let (one, two, cause) = (whole[17].id, whole[40].id, CausationId::from(whole[10].id));
    let in_talk = |event: &RecordedEvent, n| event.metadata().correlation_id == Some(talk(n));
    let is_rare = |event: &RecordedEvent| event.event_type.as_str() == "rare";
    let is_thing = |event: &RecordedEvent| event.stream.as_str().starts_with("thing-");
    type Wanted<'a> = Box<dyn Fn(&RecordedEvent) -> bool + Send + Sync + 'a>;
    let promised: Vec<(&str, EventFilter, Wanted<'_>, usize)> = vec![
        ("all", all(), Box::new(|_| true), 48),
        ("one type", kinds(&["rare"])?, Box::new(is_rare), 14),
        ("both types", kinds(&["rare", "often"])?, Box::new(|_| true), 48),
        ("no type", all().event_types([]), Box::new(|_| false), 0),
        ("an id", all().ids([one]), Box::new(|event| event.id == one), 1),
        ("two ids", all().ids([two, one]), Box::new(|event| event.id == one || event.id == two), 2),
        ("an unknown id", all().ids([EventId::new()]), Box::new(|_| false), 0),
        (
            "a stream",
            all().streams([stream("thing-2")]),
            Box::new(|event| event.stream.as_str() == "thing-2"),
            12,
        ),
        (
            "two streams",
            all().streams([stream("thing-2"), stream("other-1"), stream("absent-1")]),
            Box::new(|event| ["thing-2", "other-1"].contains(&event.stream.as_str())),
            24,
        ),
        ("a category", all().categories([Category::new("thing")?]), Box::new(is_thing), 24),
        (
            "two categories",
            all().categories([Category::new("thing")?, Category::new("third")?]),
            Box::new(|event| event.stream.as_str() != "other-1"),
            36,
        ),
        ("a correlation", all().correlation(talk(2)), Box::new(|event| in_talk(event, 2)), 7),
        ("an unknown correlation", all().correlation(talk(9)), Box::new(|_| false), 0),
        (
            "a causation",
            all().causation(cause.clone()),
            Box::new(|event| event.metadata().causation_id.as_ref() == Some(&cause)),
            1,
        ),
        (
            "type, category and correlation",
            kinds(&["often"])?.categories([Category::new("thing")?]).correlation(talk(2)),
            Box::new(|event| !is_rare(event) && is_thing(event) && in_talk(event, 2)),
            2,
        ),
    ];
    for (told, filter, wanted, events) in promised {
        let promised: Vec<_> = whole.iter().filter(|event| wanted(event)).cloned().collect();
        ensure_eq!(promised.len(), events, "events the case expects of {told}");
        ensure_picks(&store, &filter, &promised, told).await?;
        let chosen: Vec<_> = whole.iter().filter(|event| filter.wants(event)).cloned().collect();
        ensure_eq!(chosen, promised, "{told}, as subscriptions choose");
    }
    Ok(())
}

/// 31: a span of time takes in its beginning and leaves out its end, by the time of the record.
pub async fn a_span_of_time_has_its_beginning_and_not_its_end<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let whole = written(&store).await?;

    let (begin, end) = (whole[11].recorded_at, whole[30].recorded_at);
    let since = EventFilter::all().recorded_since(begin);
    let between = since.clone().recorded_before(end);
    for (filter, told) in [(since, "since"), (between, "between")] {
        let is_in = |event: &&RecordedEvent| {
            event.recorded_at >= begin && (told == "since" || event.recorded_at < end)
        };
        let promised: Vec<_> = whole.iter().filter(is_in).cloned().collect();
        ensure!(promised.contains(&whole[11]), "the beginning is not expected");
        ensure!(told == "since" || !promised.contains(&whole[30]), "the end is expected");
        ensure_picks(&store, &filter, &promised, told).await?;
    }
    let never = EventFilter::all().recorded_since(end).recorded_before(begin);
    ensure_picks(&store, &never, &[], "a span that ends before it begins").await
}

/// 31: a page of which everything is filtered out is settled to the head, so that a reader goes on behind it;
/// a page of no events claims nothing.
pub async fn a_page_settles_behind_what_its_filter_leaves_out<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let whole = written(&store).await?;
    let last = whole[47].position;
    let absent = EventFilter::all().categories([Category::new("absent")?]);

    let page = store.read_log(LogQuery::after(GlobalPosition::START).wanting(absent.clone())).await?;
    ensure_eq!(page.events, [], "events of an absent category");
    ensure_eq!(page.settled_to, page.head, "where the page is settled");
    ensure!(page.head >= last, "the head {} lies before the last event {last}", page.head);
    let none = LogQuery::after(GlobalPosition::START).wanting(absent.clone()).limit(0);
    ensure_eq!(
        store.read_log(none).await?.settled_to,
        GlobalPosition::START,
        "where a page of none is settled"
    );
    let beyond = store.read_log(LogQuery::after(GlobalPosition::END).wanting(absent)).await?;
    ensure_eq!(beyond.settled_to, GlobalPosition::END, "where a page behind everything is settled");

    // Each page of one event ends at that event: the next one is behind it.
    let rare = EventFilter::all().event_types([EventType::new("rare")?]);
    let first = store.read_log(LogQuery::after(GlobalPosition::START).wanting(rare).limit(1)).await?;
    ensure_eq!(first.events.last().map(|event| event.position), Some(first.settled_to), "end of a full page");
    Ok(())
}

/// 31: an event is found by its id; an unknown id finds nothing.
pub async fn an_event_is_found_by_its_id<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    ensure_eq!(store.find_event(EventId::new()).await?, None, "an event of an empty log");
    let whole = written(&store).await?;

    for event in whole.iter().step_by(7) {
        ensure_eq!(store.find_event(event.id).await?.as_ref(), Some(event), "the event that was asked for");
    }
    ensure_eq!(store.find_event(EventId::new()).await?, None, "an event that nobody wrote");
    Ok(())
}

/// 30: the last event of a category, of a type, of the log.
pub async fn the_last_event_that_passes_a_filter_is_found<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    ensure_eq!(store.last_event(EventFilter::all()).await?, None, "the last event of an empty log");
    let whole = written(&store).await?;

    let filters = [
        EventFilter::all(),
        EventFilter::all().categories([Category::new("thing")?]),
        EventFilter::all().event_types([EventType::new("rare")?]),
        EventFilter::all().streams([stream("other-1")]),
    ];
    for filter in filters {
        let last = whole.iter().rev().find(|event| filter.wants(event));
        ensure!(last.is_some(), "the case expects an event of {filter:?}");
        ensure_eq!(store.last_event(filter.clone()).await?.as_ref(), last, "the last event of {filter:?}");
    }
    let absent = EventFilter::all().categories([Category::new("absent")?]);
    ensure_eq!(store.last_event(absent).await?, None, "the last event of an absent category");
    Ok(())
}

/// 32: a category has the streams before whose first `-` it stands, with compound ids, without an id and of
/// its own name, and no other, however alike: read and listed.
pub async fn a_category_excludes_every_other_one<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut end = GlobalPosition::START;
    for round in 0..2 {
        for (name, _) in NAMES.iter().rev() {
            end = store.append(append(name, round + 1)).await?.to_position;
        }
    }
    let whole = log_up_to(&store, end).await?;
    let thing = Category::new("thing")?;
    let of_it: Vec<&str> = NAMES.iter().filter(|(_, is_of_it)| *is_of_it).map(|(name, _)| *name).collect();

    let promised: Vec<_> =
        whole.iter().filter(|event| of_it.contains(&event.stream.as_str())).cloned().collect();
    ensure_eq!(promised.len(), 15, "events the case expects");
    ensure_picks(&store, &EventFilter::all().categories([thing.clone()]), &promised, "category").await?;

    let listed: Vec<_> = list(&store, &thing, "", 1_000).await?.into_iter().map(|info| info.name).collect();
    let names: Vec<StreamName> = of_it.iter().map(|name| stream(name)).collect();
    ensure_eq!(listed, names, "streams of the category");
    for limit in [1, 2, 3] {
        ensure_eq!(list(&store, &thing, "", limit).await?.len(), 5, "streams in pages of {limit}");
    }
    let beginning = list(&store, &thing, "thing-1", 1_000).await?;
    ensure_eq!(beginning.len(), 2, "streams of the category that begin with thing-1");
    ensure_eq!(list(&store, &thing, "thingy", 1_000).await?, [], "streams of it that begin with thingy");
    ensure_eq!(
        list(&store, &Category::new("absent")?, "", 1_000).await?,
        [],
        "streams of an absent category"
    );
    Ok(())
}

/// Lists the streams of a category page by page.
async fn list<S: EventStore>(
    store: &S,
    category: &Category,
    prefix: &str,
    limit: usize,
) -> CaseResult<Vec<StreamInfo>> {
    let category = Some(category.clone());
    let mut query = StreamListQuery { prefix: prefix.into(), category, after: None, limit };
    let mut listed: Vec<StreamInfo> = Vec::new();
    loop {
        let page = store.list_streams(query.clone()).await?;
        ensure!(page.len() <= limit, "{} streams on a page of {limit}", page.len());
        let Some(last) = page.last() else { return Ok(listed) };
        query.after = Some(last.name.clone());
        listed.extend(page);
    }
}

/// 31: what passes a filter is held back by an open append as everything else is, and comes with it.
pub async fn a_filtered_read_gives_settled_events_only<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let category = Category::new("thing")?;
    let thing = || EventFilter::all().categories([category.clone()]);
    store.append(append("thing-1", 2)).await?;
    let (slow, held) = OpenTransaction::holding(harness, "thing-2", 1).await?;
    store.append(append("thing-1", 1)).await?;
    store.append(append("other-1", 1)).await?;

    let open = held.appended.from_position;
    let page = store.read_log(LogQuery::after(GlobalPosition::START).wanting(thing())).await?;
    ensure_eq!(page.events.len(), 2, "events before the open transaction");
    ensure!(page.settled_to < open, "settled to {}, beyond {open} of an open transaction", page.settled_to);
    ensure_eq!(store.last_event(thing()).await?.map(|event| event.version.get()), Some(2), "the last event");

    let cursor = page.settled_to;
    slow.commit().await?;

    let page = store.read_log(LogQuery::after(cursor).wanting(thing())).await?;
    ensure_eq!(page.events.len(), 2, "events after the commit");
    ensure_eq!(recorded_ids_of(&page.events)[..1], held.ids, "the first event after the commit");
    Ok(())
}

/// 31: ids of another shape than a text are no ids, for the database as for readers.
pub async fn a_correlation_of_another_shape_is_none<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let sql = format!(
        "select from {}.append('thing-1', -2, '[
             {{\"type\": \"noted\", \"data\": 1, \"metadata\": {{\"correlation_id\": 7}}}},
             {{\"type\": \"noted\", \"data\": 2, \"metadata\": {{\"correlation_id\": \"7\"}}}},
             {{\"type\": \"noted\", \"data\": 3, \"metadata\": {{\"correlation_id\": {{\"a\": 7}}}}}},
             {{\"type\": \"noted\", \"data\": 4}}]')",
        harness.schema()
    );
    harness.connect().await?.execute(&sql, &[]).await?;
    store.append(Append::to(stream("other-1"), [counted(1)])).await?;

    let seven = EventFilter::all().correlation(CorrelationId::new("7"));
    let found = forward(&store, &seven, 10).await?;

    ensure_eq!(found.iter().map(|event| event.version.get()).collect::<Vec<_>>(), [2], "versions found");
    ensure!(found.iter().all(|event| seven.wants(event)), "subscriptions would not choose what was found");
    Ok(())
}
