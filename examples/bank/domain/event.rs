//! What may have happened to an account.
//!
//! These names and fields are in the log for ever. The Rust names may change, the quoted ones may not.

use annals::eventstore::Event;

use super::{AccountId, Money, TransferId};

/// A fact: it is never refused, and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum AccountEvent {
    /// The account began to exist. A limit of zero means that the balance stays at zero or above.
    #[event(name = "account-opened")]
    Opened { owner: String, overdraft_limit: Money },
    /// Money came in at the counter.
    #[event(name = "money-deposited")]
    Deposited { amount: Money },
    /// Money went out at the counter.
    #[event(name = "money-withdrawn")]
    Withdrawn { amount: Money },
    /// Money left for another account.
    #[event(name = "transfer-sent")]
    TransferSent { transfer: TransferId, to: AccountId, amount: Money },
    /// Money came in from another account.
    #[event(name = "transfer-received")]
    TransferReceived { transfer: TransferId, from: AccountId, amount: Money },
    /// The account ceased to exist.
    #[event(name = "account-closed")]
    Closed,
}
