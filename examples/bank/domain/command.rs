//! What an account may be asked to do.

use super::{AccountId, Money, TransferId};

/// A wish: it may be refused.
#[derive(Debug, Clone)]
pub enum AccountCommand {
    /// Begin to exist, for an owner; the balance may go below zero by the limit, if there is one.
    Open { owner: String, overdraft_limit: Option<Money> },
    /// Take in money from the counter.
    Deposit { amount: Money },
    /// Pay out money at the counter.
    Withdraw { amount: Money },
    /// Let money go to another account.
    SendTransfer { transfer: TransferId, to: AccountId, amount: Money },
    /// Take in money that another account let go.
    ReceiveTransfer { transfer: TransferId, from: AccountId, amount: Money },
    /// Stop to exist; the balance must be zero.
    Close,
}
