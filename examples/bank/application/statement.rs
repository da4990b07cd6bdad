//! Statements: a stream of events, as its owner likes to read it.

use std::fmt;

use annals::aggregates::{Aggregate, LoadError};
use annals::eventstore::{Event, EventStore, PAGE_EVENTS_DEFAULT, StreamQuery, Version};

use crate::domain::{Account, AccountEvent, AccountId, Money};

/// One event of an account, and the balance after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// The account's version with this event.
    pub version: Version,
    /// What happened.
    pub event: AccountEvent,
    /// What was on the account then.
    pub balance: Money,
}

/// Replays an account's events and writes a line for each.
pub(super) async fn statement(
    store: &impl EventStore,
    account: &AccountId,
) -> Result<Vec<StatementLine>, LoadError> {
    let stream = Account::stream_name(account)?;
    let mut replayed = Account::default();
    let mut lines = Vec::new();
    let mut query = StreamQuery::forward();
    loop {
        let page = store.read_stream(&stream, query).await?;
        for recorded in &page {
            for event in AccountEvent::decode(recorded)? {
                lines.push(line(&mut replayed, recorded.version, event));
            }
        }
        match page.last() {
            Some(last) if page.len() >= PAGE_EVENTS_DEFAULT => query = query.from(last.version.next()),
            _ => return Ok(lines),
        }
    }
}

fn line(replayed: &mut Account, version: Version, event: AccountEvent) -> StatementLine {
    replayed.evolve(&event);
    StatementLine { version, event, balance: replayed.balance() }
}

impl fmt::Display for StatementLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, amount) = match &self.event {
            AccountEvent::Opened { owner, .. } => (format!("opened for {owner}"), None),
            AccountEvent::Deposited { amount } => ("deposit".to_owned(), Some((amount, '+'))),
            AccountEvent::Withdrawn { amount } => ("withdrawal".to_owned(), Some((amount, '-'))),
            AccountEvent::TransferSent { transfer, to, amount } => {
                (format!("transfer {transfer} to {to}"), Some((amount, '-')))
            }
            AccountEvent::TransferReceived { transfer, from, amount } => {
                (format!("transfer {transfer} from {from}"), Some((amount, '+')))
            }
            AccountEvent::Closed => ("closed".to_owned(), None),
        };
        let amount = amount.map(|(amount, sign)| format!("{sign}{amount}")).unwrap_or_default();
        write!(f, "{:>4}  {what:<40} {amount:>12} {:>12}", self.version.get(), self.balance)
    }
}
