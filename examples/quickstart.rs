//! Annals in one screen: a counter that is rebuilt from its events. `cargo run --example quickstart`.

use annals::eventstore::MemoryStore;
use annals::prelude::*;

/// What happened. The names are what the log keeps; they stay when the Rust names change.
#[derive(Debug, Event)]
enum CounterEvent {
    #[event(name = "counter-raised")]
    Raised { by: u32 },
}

/// The state, as far as the rules need it.
#[derive(Debug, Clone, Default)]
struct Counter {
    value: u32,
}

/// What a counter refuses.
#[derive(Debug, thiserror::Error)]
#[error("a counter ends at 100, and it is at {0}")]
struct Full(u32);

impl Aggregate for Counter {
    const CATEGORY: &'static str = "counter";
    type Id = String;
    type Command = u32;
    type Event = CounterEvent;
    type Refusal = Full;

    fn decide(&self, by: u32, _: &Context) -> Result<Events<CounterEvent>, Full> {
        if self.value + by > 100 { Err(Full(self.value)) } else { Ok(CounterEvent::Raised { by }.into()) }
    }

    fn evolve(&mut self, CounterEvent::Raised { by }: &CounterEvent) {
        self.value += by;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In memory, to see the shape of it; `PostgresStore::connect(url)` keeps it.
    let counters = Repository::<Counter, _>::new(MemoryStore::new());
    let (visitors, context) = ("visitors".to_owned(), Context::new());

    for by in [40, 50, 60] {
        match counters.execute(&visitors, by, &context).await {
            Ok(_) => println!("raised by {by}"),
            Err(refused) => println!("raised by {by}? {refused}"),
        }
    }

    let now = counters.load(&visitors).await?;
    let before = counters.load_at(&visitors, Version::FIRST).await?;
    println!("the counter is at {}, after its first event it was at {}", now.state.value, before.state.value);
    Ok(())
}
