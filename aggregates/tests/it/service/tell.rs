//! What a command service tells: a metric and a span for each command, whatever became of it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_aggregates::service::{
    BreakerOptions, Command, CommandError, CommandId, CommandService, CommandServiceOptions,
};
use annals_aggregates::telemetry::{metrics, spans};
use annals_aggregates::{Context, HandleError, HandleOptions, Handles};
use annals_eventstore::CorrelationId;
use metrics_util::debugging::DebuggingRecorder;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

use super::recorded::Recorded;
use super::stub::{
    Answer, Does, Stub, busy, command, in_conflict, malformed, nothing_to_do, refused, sent, unknown,
    unreachable,
};
use crate::jar::{JarCommand, jar_1, jars};
use crate::scripted_store::ScriptedStore;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(start_paused = true)]
async fn each_command_is_counted_once_by_what_came_of_it() {
    let recorder = DebuggingRecorder::new();
    let _here = metrics::set_default_local_recorder(&recorder);
    let options = CommandServiceOptions {
        concurrent_commands: Some(1),
        deadline: Some(Duration::from_secs(1)),
        breaker: Some(BreakerOptions { failures_in_a_row: 3, ..BreakerOptions::default() }),
        ..CommandServiceOptions::default()
    };
    let lost: Answer = Err(HandleError::Lost { stream: jar_1() });
    let answers = [nothing_to_do(), refused(), in_conflict(), malformed(), busy(), unknown(), lost];
    let stub = Stub::with(answers.into_iter().map(Does::Answers).chain([Does::Hangs, Does::Hangs]));
    let service = stub.service(options);

    // All in the script up to the first one that hangs; beside it one is shed; another is given up.
    for _ in 0..7 {
        drop(service.execute(command()).await);
    }
    let hanging = sent(&service);
    stub.until_waiting(1).await;
    service.execute(command()).await.expect_err("there is no place");
    drop(hanging.await);
    let given_up = sent(&service);
    stub.until_waiting(1).await;
    given_up.abort();
    drop(given_up.await);
    // The one of unknown outcome was followed by one that says nothing, and by a deadline: two in a row.
    stub.then([Does::Answers(unreachable())]);
    for _ in 0..2 {
        drop(service.execute(command()).await);
    }
    let jar = CommandService::new(jars(&ScriptedStore::default()), options).unwrap();
    for _ in 0..2 {
        drop(jar.execute(Command::new(1, JarCommand::Put(1), CommandId::from("once"))).await);
    }
    service.shut_down().await;
    drop(service.execute(command()).await);

    let mut told = Recorded::by(&recorder);
    told.take();
    let counted = [
        ("accepted", 1.0),
        ("nothing", 1.0),
        ("already_applied", 1.0),
        ("refused", 1.0),
        ("conflict", 1.0),
        ("fault", 2.0),
        ("unknown", 2.0),
        ("shed", 2.0),
        ("timeout", 1.0),
        ("breaker_open", 1.0),
        ("shut_down", 1.0),
        ("abandoned", 1.0),
    ];
    for (outcome, times) in counted {
        let series = format!("annals_commands_total{{category=jar,command=JarCommand,outcome={outcome}}}");
        assert_eq!(told.of(&series), times, "{outcome}: {:#?}", told.series());
    }
    let outcomes = metrics()[0].labels[2].values;
    assert!(outcomes.iter().all(|outcome| counted.iter().any(|(known, _)| known == outcome)));
    let took = "annals_command_duration_seconds{category=jar,command=JarCommand}";
    assert_eq!(told.of(took), 15.0);
    assert_eq!(told.of("annals_commands_under_way{category=jar}"), 0.0);
    assert_eq!(told.of("annals_command_breaker_changes_total{category=jar,state=open}"), 1.0);
    assert_eq!(told.of("annals_command_breaker_open{category=jar}"), 1.0);
    let names: Vec<&str> = metrics().iter().map(|metric| metric.name).collect();
    for name in told.series().keys().filter(|series| series.contains("command")) {
        assert!(names.iter().any(|listed| name.starts_with(listed)), "{name} is in no table");
    }
}

#[tokio::test]
async fn a_panic_is_an_error_of_unknown_effect_before_a_repository_and_of_none_before_handles() {
    let recorder = DebuggingRecorder::new();
    let _here = metrics::set_default_local_recorder(&recorder);
    let (store, options) = (ScriptedStore::default(), CommandServiceOptions::default());
    let repository = CommandService::new(jars(&store), options).unwrap();
    let handles = CommandService::new(Handles::new(jars(&store), HandleOptions::default()), options).unwrap();
    let drop_it = || Command::new(1, JarCommand::Drop, CommandId::new());

    let interrupted = repository.execute(drop_it()).await.expect_err("it fell down");
    // It panics over the events that it has stored, and over them ever after.
    let crack = || Command::new(2, JarCommand::Crack, CommandId::from("crack"));
    let cracked = repository.execute(crack()).await.expect_err("it is cracked");
    let panicked = handles.execute(drop_it()).await.expect_err("it fell down");

    for unknown in [&interrupted, &cracked] {
        assert!(matches!(unknown, CommandError::Handle(HandleError::Interrupted { .. })), "{unknown:?}");
        assert!(unknown.may_have_effect(), "{unknown:?}");
    }
    assert!(interrupted.to_string().contains("the jar fell down"), "{interrupted}");
    assert!(matches!(&panicked, CommandError::Handle(HandleError::Panicked { .. })), "{panicked:?}");
    assert!(!panicked.may_have_effect() && !panicked.is_transient());
    let mut told = Recorded::by(&recorder);
    told.take();
    for (outcome, times) in [("unknown", 2.0), ("fault", 1.0), ("abandoned", 0.0)] {
        let series = format!("annals_commands_total{{category=jar,command=JarCommand,outcome={outcome}}}");
        assert_eq!(told.of(&series), times, "{outcome}: {:#?}", told.series());
    }
    for service in [repository, handles] {
        service.shut_down().await;
    }
}

/// The spans of commands, by their number, with their fields.
#[derive(Debug, Clone, Default)]
struct Spans(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "command"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut spans = self.0.lock().expect("nothing panics here");
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        let listed: Vec<&str> = span.fields().iter().map(|field| field.name()).collect();
        assert_eq!(listed, annals_aggregates::telemetry::spans()[0].fields);
        spans.push(fields);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut spans = self.0.lock().expect("nothing panics here");
        let number = usize::try_from(span.into_u64()).expect("there are few") - 1;
        values.record(&mut Fields(&mut spans[number]));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn each_command_has_a_span_and_its_trace_flows_on_to_its_events() {
    let seen = Spans::default();
    // With a single subscriber in the process, a place in the code that another test's thread comes by first is taken
    // for one that nobody looks at.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _here = tracing::subscriber::set_default(seen.clone());
    let store = ScriptedStore::default();
    let service = CommandService::new(jars(&store), CommandServiceOptions::default()).unwrap();
    let context = Context::new().correlated(CorrelationId::new("order-7")).traced(TRACE);
    let put = Command::new(1, JarCommand::Put(1), CommandId::from("put")).named("put").within(context);

    service.execute(put).await.unwrap();
    let take = Command::new(1, JarCommand::Take(9), CommandId::from("take"));
    service.execute(take).await.expect_err("there is not so much");
    let stub = Stub::with([Does::Answers(unreachable())]);
    let down = stub.service(CommandServiceOptions::default());
    down.execute(command()).await.expect_err("the log is down");

    let seen = seen.0.lock().expect("nothing panics here").clone();
    assert_eq!((seen.len(), spans()[0].name), (3, "command"));
    let accepted = [
        ("category", "jar"),
        ("aggregate", "1"),
        ("command", "put"),
        ("command_id", &CommandId::from("put").to_string()),
        ("correlation_id", "order-7"),
        ("traceparent", TRACE),
        ("outcome", "accepted"),
    ];
    let told: Vec<(&str, &str)> = seen[0].iter().map(|(field, value)| (*field, value.as_str())).collect();
    assert_eq!(told, BTreeMap::from(accepted).into_iter().collect::<Vec<_>>());
    assert_eq!((seen[1]["outcome"].as_str(), seen[1].get("error")), ("refused", None));
    assert!(seen[2]["error"].contains("connection refused"), "{:?}", seen[2]);
    let event = store.all().await.remove(0);
    assert_eq!(event.metadata().traceparent.as_deref(), Some(TRACE));
}
