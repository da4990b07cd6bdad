//! Each span is entered by real operations, under the span of its caller, with the fields of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_devdb::TestResult;
use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, Slot};
use annals_eventstore::telemetry::spans;
use annals_eventstore::{
    Append, AppendMany, Batch, CorrelationId, EventHandler, EventStore, ExpectedVersion, GlobalPosition,
    HandlerFuture, LogQuery, Metadata, NewEvent, Partition, StreamListQuery, StreamQuery, Version,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Instrument, Subscriber, info_span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// A span as it was seen.
#[derive(Debug, Clone, Default)]
struct Seen {
    name: &'static str,
    parent: Option<&'static str>,
    fields: BTreeSet<&'static str>,
    values: BTreeMap<&'static str, String>,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.values.insert(field.name(), format!("{value:?}"));
    }
}

/// Remembers the spans of the event store.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Spans>>);

/// Open ones by their number, which is given again, and those that have been closed.
#[derive(Debug, Default)]
struct Spans {
    open: BTreeMap<u64, Seen>,
    closed: Vec<Seen>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Memory {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = span.metadata();
        if !metadata.target().starts_with("annals_eventstore") {
            return;
        }
        let parent = context.span(id).and_then(|span| span.parent().map(|parent| parent.name()));
        let fields = metadata.fields().iter().map(|field| field.name()).collect();
        let mut seen = Seen { name: metadata.name(), parent, fields, ..Seen::default() };
        span.record(&mut seen);
        self.0.lock().expect("nothing panics here").open.insert(id.into_u64(), seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(seen) = self.0.lock().expect("nothing panics here").open.get_mut(&id.into_u64()) {
            values.record(seen);
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut spans = self.0.lock().expect("nothing panics here");
        if let Some(closed) = spans.open.remove(&id.into_u64()) {
            spans.closed.push(closed);
        }
    }
}

struct Nothing;

impl EventHandler for Nothing {
    fn handle<'a>(&'a mut self, _: Batch<'a>) -> HandlerFuture<'a> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn each_span_is_seen_under_its_caller_s_with_its_fields_and_no_other() -> TestResult {
    let memory = Memory::default();
    // With a single subscriber in the process, a place in the code that another test's thread comes by first is taken
    // for one that nobody looks at.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let _here = tracing::subscriber::set_default(tracing_subscriber::registry().with(memory.clone()));
    let db = crate::support::TestDb::fresh().await?;
    let (store, account) = (db.store(), "account-1".parse()?);

    let work = async {
        let mut event = NewEvent::new("noted", &1)?;
        event.metadata =
            Metadata { correlation_id: Some(CorrelationId::new("order-1")), ..Metadata::default() };
        store.append(Append::to("account-1".parse()?, [event.clone()])).await?;
        let other = NewEvent::new("noted", &2)?;
        store.append_many(AppendMany::new().append("a-2".parse()?, ExpectedVersion::Any, [other])).await?;
        store.read_stream(&account, StreamQuery::forward()).await?;
        store.read_tail(&account, Version::NONE, 10).await?;
        store.stream_info(&account).await?;
        store.list_streams(StreamListQuery::default()).await?;
        store.read_log(LogQuery::after(GlobalPosition::START)).await?;
        let consumer = Consumer { name: "balances".to_owned(), version: 1 };
        let checkpoint =
            ClaimedCheckpoint::claim(&store, store.pool(), consumer, Partition::default()).await?;
        let slot = Slot::new(&store, store.pool().clone(), checkpoint, Nothing, Box::new(|_| true));
        let (mut progress, stop) = (slot.progress(), CancellationToken::new());
        let task = tokio::spawn(slot.run(stop.clone()).in_current_span());
        timeout(Duration::from_secs(30), progress.wait_for(|at| *at > GlobalPosition::START)).await??;
        stop.cancel();
        task.await??;
        TestResult::Ok(())
    };
    work.instrument(info_span!("caller")).await?;

    let seen: Vec<Seen> = {
        let spans = memory.0.lock().expect("nothing panics here");
        spans.closed.iter().chain(spans.open.values()).cloned().collect()
    };
    println!("telemetry: {} spans seen of {} kinds", seen.len(), spans().len());
    for span in spans() {
        let of_this: Vec<&Seen> = seen.iter().filter(|seen| seen.name == span.name).collect();
        assert!(!of_this.is_empty(), "{} was never seen", span.name);
        for each in of_this {
            assert_eq!(each.fields, span.fields.iter().copied().collect(), "{}", span.name);
        }
        let under_caller = seen.iter().any(|seen| seen.name == span.name && seen.parent == Some("caller"));
        assert!(under_caller, "{} stands under no caller", span.name);
    }
    let unlisted: BTreeSet<&str> = seen
        .iter()
        .map(|seen| seen.name)
        .filter(|name| spans().iter().all(|span| span.name != *name))
        .collect();
    assert!(unlisted.is_empty(), "in no table: {unlisted:?}");
    let append = seen.iter().find(|seen| seen.name == "append").expect("it was seen");
    assert_eq!(append.values["correlation_id"], "order-1");
    assert_eq!(append.values["outcome"], "\"appended\"");
    Ok(())
}
