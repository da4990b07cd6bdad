//! The aggregate under test: a jar of coins.

use annals_aggregates::{Aggregate, Context, Events, Repository, Snapshot, SnapshotShape};
use annals_eventstore::{Append, Claim, Event, EventStore, ExpectedVersion, StreamName};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Jar {
    pub(crate) coins: u64,
    pub(crate) changes: u64,
    #[serde(default)]
    pub(crate) label: String,
}

#[derive(Debug, Clone)]
pub(crate) enum JarCommand {
    Put(u64),
    Take(u64),
    /// Takes everything, coin by coin.
    Empty,
    /// Notes when, and under which id.
    Stamp,
    /// Writes a label on it that no other jar has.
    Label(&'static str),
    /// Panics while it is decided.
    Drop,
    /// Leads to an event that panics when it is taken in.
    Crack,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(crate = annals_eventstore)]
pub(crate) enum JarEvent {
    #[event(name = "coins-put")]
    Put(u64),
    #[event(name = "coins-taken")]
    Taken(u64),
    #[event(name = "jar-stamped")]
    Stamped { at: String, id: String },
    #[event(name = "jar-labelled")]
    Labelled(String),
    #[event(name = "jar-cracked")]
    Cracked,
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum JarRefusal {
    #[error("{wanted} coins wanted, {coins} in the jar")]
    NotEnough { coins: u64, wanted: u64 },
}

impl Aggregate for Jar {
    const CATEGORY: &'static str = "jar";
    type Id = u32;
    type Command = JarCommand;
    type Event = JarEvent;
    type Refusal = JarRefusal;

    fn decide(&self, command: JarCommand, context: &Context) -> Result<Events<JarEvent>, JarRefusal> {
        match command {
            JarCommand::Put(0) | JarCommand::Take(0) => Ok(Events::none()),
            JarCommand::Put(coins) => Ok(JarEvent::Put(coins).into()),
            JarCommand::Take(wanted) if wanted > self.coins => {
                Err(JarRefusal::NotEnough { coins: self.coins, wanted })
            }
            JarCommand::Take(wanted) => Ok(JarEvent::Taken(wanted).into()),
            JarCommand::Empty => {
                let mut decision = Events::deciding(self);
                while decision.state().coins > 0 {
                    decision.decide(JarCommand::Take(1), context)?;
                }
                Ok(decision.into_events())
            }
            JarCommand::Drop => panic!("the jar fell down"),
            JarCommand::Crack => Ok([JarEvent::Put(1000), JarEvent::Cracked].into()),
            JarCommand::Label(label) => {
                let old = (!self.label.is_empty()).then(|| crate::jar::label(&self.label));
                let labelled =
                    Events::one(JarEvent::Labelled(label.to_owned())).taking(crate::jar::label(label));
                Ok(old.into_iter().fold(labelled, Events::releasing))
            }
            JarCommand::Stamp => {
                let (at, id) = (context.now().to_rfc3339(), context.new_id().to_string());
                Ok(JarEvent::Stamped { at, id }.into())
            }
        }
    }

    fn evolve(&mut self, event: &JarEvent) {
        self.changes += 1;
        match event {
            JarEvent::Put(coins) => self.coins += coins,
            JarEvent::Taken(coins) => self.coins -= coins,
            JarEvent::Stamped { .. } => {}
            JarEvent::Labelled(label) => self.label.clone_from(label),
            JarEvent::Cracked => panic!("the jar is cracked"),
        }
    }
}

impl Snapshot for Jar {
    const SHAPE: SnapshotShape = SnapshotShape::Version(1);
}

pub(crate) fn jars<S: EventStore>(store: &S) -> Repository<Jar, S> {
    Repository::new(store.clone())
}

/// The claim to a label.
pub(crate) fn label(label: &str) -> Claim {
    Claim::new("label", label).expect("a label makes a claim")
}

pub(crate) fn jar_1() -> StreamName {
    Jar::stream_name(&1).expect("a jar has a stream")
}

/// An append to jar 1 as some other process would do it.
pub(crate) fn put_by_another(coins: u64) -> Append {
    let event = JarEvent::Put(coins).encode().expect("a jar's event can be encoded");
    Append::to(jar_1(), [event]).expecting(ExpectedVersion::Any)
}
