//! What the event store says to a log: its messages and their fields.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use annals_devdb::TestFailure;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// How long anything may take before the test counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message, at its level, with its fields.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) level: Level,
    pub(super) fields: BTreeMap<&'static str, String>,
}

/// The messages of the event store on this thread, as long as it lives.
pub(super) struct Messages {
    said: Said,
    _here: DefaultGuard,
    _another: Dispatch,
}

#[derive(Debug, Clone, Default)]
struct Said(Arc<Mutex<Vec<Message>>>);

impl Messages {
    pub(super) fn heard() -> Self {
        let said = Said::default();
        // With a single subscriber in the process, a place in the code that another test's thread comes by first is
        // taken for one that nobody looks at.
        let another = Dispatch::new(tracing_subscriber::registry());
        let here = tracing::subscriber::set_default(tracing_subscriber::registry().with(said.clone()));
        Self { said, _here: here, _another: another }
    }

    /// Returns every message with a text that was said so far.
    pub(super) fn saying(&self, text: &str) -> Vec<Message> {
        let said = self.said.0.lock().expect("nothing panics here");
        said.iter().filter(|message| message.fields["message"] == text).cloned().collect()
    }

    /// Lets other tasks run until something was said; returns it.
    pub(super) async fn until(&self, text: &str) -> Result<Message, TestFailure> {
        let begun = Instant::now();
        loop {
            if let Some(message) = self.saying(text).pop() {
                return Ok(message);
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{text:?} was never said").into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl<S: Subscriber> Layer<S> for Said {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("annals_eventstore") {
            let mut message = Message { level: *event.metadata().level(), fields: BTreeMap::new() };
            event.record(&mut message);
            self.0.lock().expect("nothing panics here").push(message);
        }
    }
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}
