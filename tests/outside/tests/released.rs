//! What a user builds holds nothing that is for tests.

use std::pin::Pin;

use annals::prelude::*;
use annals::projections::{Runner, RunnerError, RunningRunner};

struct Nothing;

impl Projection for Nothing {
    const NAME: &'static str = "nothing";
    const TABLES: &'static str = "";

    async fn apply(&mut self, _: Batch<'_>) -> Result<(), HandlerError> {
        Ok(())
    }
}

type Runs = Pin<Box<dyn Future<Output = Result<RunningRunner, RunnerError>>>>;

/// Never called; it is here so that everything that runs a projection is in this program.
async fn run(store: PostgresStore) -> Result<RunningRunner, RunnerError> {
    Runner::new(&store).host(|| Nothing).start().await
}

#[test]
fn a_program_that_is_built_from_outside_has_no_fail_points() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let holds = |text: &str| program.windows(text.len()).any(|window| window == text.as_bytes());
    // As a trait object, or nobody could poll it and it would not be built.
    std::hint::black_box((|store| Box::pin(run(store))) as fn(PostgresStore) -> Runs);

    // Said by the loop in which most of them stand.
    assert!(holds("slot waits before it tries again"));
    // Put together here, so that this text is none of them.
    assert!(!holds(&["ANNALS", "FAILPOINTS"].join("_")));
    assert!(!holds(&["slot", "after", "commit"].join("_")));
}
