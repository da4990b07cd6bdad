//! The check-up itself: one check after the other.

use std::time::Duration;

use super::diagnosis::Diagnosis;
use super::facts::ServerFacts;
use super::subject::Subject;
use super::{blockers, indexes, log, pooler, prepared, roles, schema, server, triggers, wakeups};
use crate::postgres::config::StoreConfig;
use crate::postgres::connect::{ConnectError, connect};
use crate::postgres::statements::Statements;

/// What a check-up counts as a fault. Fill in what differs from the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckUpOptions {
    /// From which age on an open append, or a prepared transaction, counts as forgotten; 10 s by default.
    pub open_for_max: Duration,
}

impl Default for CheckUpOptions {
    fn default() -> Self {
        Self { open_for_max: Duration::from_secs(10) }
    }
}

/// Looks whether a log, and the server that it is on, are as they should be, for a store that is set up so. Changes
/// nothing.
///
/// Takes some round trips; ten seconds more where wake-ups do not arrive. What is asked of the log itself is left out
/// where there is none, or one of another version.
///
/// # Errors
///
/// [`ConnectError`]: nobody could be asked.
///
/// # Examples
///
/// ```no_run
/// # use annals_eventstore::postgres::{CheckUpOptions, StoreConfig, Verdict, check_up};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = StoreConfig::new("postgres://localhost/shop".parse()?);
/// let found = check_up(&config, CheckUpOptions::default()).await?;
/// let is_ready = found.iter().all(|each| each.verdict < Verdict::Fail);
/// # Ok(())
/// # }
/// ```
pub async fn check_up(config: &StoreConfig, options: CheckUpOptions) -> Result<Vec<Diagnosis>, ConnectError> {
    let client = connect(&config.connect).await?.into_client();
    let statements = Statements::new(&config.schema);
    let CheckUpOptions { open_for_max } = options;
    let subject = Subject { client: &client, config, statements: &statements, open_for_max };

    let facts = ServerFacts::ask(&subject).await;
    let mut found = match &facts {
        Ok(facts) => server::check(facts, config),
        Err(error) => vec![Diagnosis::unanswered("server", error)],
    };
    found.push(pooler::check(config).await);
    found.push(wakeups::check(config).await);
    let (schema, is_fit) = schema::check(&subject).await;
    found.push(schema);
    let mut open = Ok(Vec::new());
    if is_fit {
        found.extend(log::check(&subject).await);
        found.push(triggers::check(&subject).await);
        found.extend(roles::check(&subject).await);
        open = blockers::open_appends(&subject).await;
        let is_standby = facts.as_ref().is_ok_and(|facts| facts.is_standby);
        found.extend(blockers::check(&subject, &open, is_standby));
        found.extend(indexes::check(&subject).await);
    }
    let prepared_max = facts.ok().map(|facts| facts.prepared_max);
    found.extend(prepared::check(&subject, prepared_max, &open.unwrap_or_default()).await);
    Ok(found)
}
