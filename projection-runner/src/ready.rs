//! `/readyz`: whether the runner can do its work now. Where it cannot, waiting or somebody's hand helps, and no restart.

use std::time::Duration;

use annals_eventstore::postgres::{MigrateError, OpenError, SchemaFault};
use annals_projections::told::in_full;
use annals_runner::ShownRunner;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;

use crate::shown::Shown;

/// How long a database may take to answer one of the checks.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// What the page says.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    ready: bool,
    checks: Vec<Check>,
}

/// One thing that has to hold.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    ok: bool,
    /// Why it does not hold, or what is to be known although it does.
    reason: Option<String>,
}

impl Check {
    fn new(check: &'static str, found: Result<Option<String>, String>) -> Self {
        let ok = found.is_ok();
        Self { check, ok, reason: found.unwrap_or_else(Some) }
    }
}

impl Ready {
    /// Looks at everything, whatever the first checks find.
    pub(crate) async fn of(shown: &Shown) -> Self {
        let Some(runner) = shown.runner.get() else {
            return Self::when(vec![Check::new("started", Err("the runner is starting".to_owned()))]);
        };
        let (log, read_models, lag) = tokio::join!(
            in_time(log(runner)),
            in_time(read_models(runner)),
            in_time(lag(runner, shown.ready_lag))
        );
        Self::when(vec![
            Check::new("started", Ok(None)),
            Check::new("not_stopping", not_stopping(runner)),
            Check::new("leases", renewed(runner)),
            Check::new("log", log),
            Check::new("read_models", read_models),
            Check::new("lag", lag),
        ])
    }

    fn when(checks: Vec<Check>) -> Self {
        Self { ready: checks.iter().all(|check| check.ok), checks }
    }

    pub(crate) fn status(&self) -> StatusCode {
        if self.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }
}

async fn in_time(
    check: impl Future<Output = Result<Option<String>, String>>,
) -> Result<Option<String>, String> {
    timeout(ANSWERS_WITHIN, check)
        .await
        .unwrap_or_else(|_| Err(format!("the database does not answer within {ANSWERS_WITHIN:?}")))
}

fn not_stopping(runner: &ShownRunner) -> Result<Option<String>, String> {
    match runner.health.is_stopping() {
        true => Err("the runner was told to stop".to_owned()),
        false => Ok(None),
    }
}

fn renewed(runner: &ShownRunner) -> Result<Option<String>, String> {
    let (ago, lease) = (runner.health.renewed_ago(), runner.health.lease());
    match ago > lease {
        true => {
            Err(format!("leases were last renewed {:.1} s ago, a lease lasts {lease:?}", ago.as_secs_f64()))
        }
        false => Ok(None),
    }
}

async fn log(runner: &ShownRunner) -> Result<Option<String>, String> {
    match runner.store.require_fit().await {
        Ok(()) => Ok(None),
        Err(OpenError::Schema(error)) => schema(&error),
        Err(error) => Err(in_full(&error)),
    }
}

async fn read_models(runner: &ShownRunner) -> Result<Option<String>, String> {
    match runner.operator.require_fit().await {
        Ok(()) => Ok(None),
        Err(annals_projections::OperateError::Schema(error)) => schema(&error),
        Err(error) => Err(in_full(&error)),
    }
}

/// A program that runs goes on when the schema is brought further; it only could not be started again.
fn schema(error: &MigrateError) -> Result<Option<String>, String> {
    match error {
        MigrateError::Schema(SchemaFault::TooNew { .. }) => Ok(Some(in_full(error))),
        _ => Err(in_full(error)),
    }
}

/// Looks how far the slots of this runner are behind.
async fn lag(runner: &ShownRunner, most: Duration) -> Result<Option<String>, String> {
    let mut behind = Vec::new();
    for projection in runner.health.projections() {
        let lag = runner.operator.lag_of(projection, runner.health.id()).await;
        let age = lag.map_err(|error| in_full(&error))?.and_then(|lag| lag.age).unwrap_or_default();
        if age > most {
            let (name, version) = (&projection.name, projection.version);
            behind.push(format!("{name} version {version} is {:.1} s behind the log", age.as_secs_f64()));
        }
    }
    if behind.is_empty() { Ok(None) } else { Err(behind.join("; ")) }
}
