//! Why an account says no.

use super::{Money, TransferId};

/// A no of the domain. A machine that failed is never among these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// There is no such account yet.
    #[error("account is not open")]
    AccountNotOpen,
    /// There is one already.
    #[error("account is open already")]
    AccountAlreadyOpen,
    /// It was closed, and stays closed.
    #[error("account is closed")]
    AccountClosed,
    /// An account belongs to somebody.
    #[error("account needs an owner")]
    OwnerMissing,
    /// Nothing, or less than nothing.
    #[error("amount must be positive")]
    AmountMustBePositive,
    /// More than one command may move.
    #[error("amount is over {}", Money::AMOUNT_MAX)]
    AmountTooLarge,
    /// More than balance and overdraft limit allow.
    #[error("insufficient funds: balance is {balance}, wanted is {wanted}")]
    InsufficientFunds { balance: Money, wanted: Money },
    /// Money, or a debt, is left.
    #[error("balance must be zero and is {balance}")]
    BalanceNotZero { balance: Money },
    /// The transfer's name belongs to another one.
    #[error("transfer {0} was sent before, to another account or over another amount")]
    TransferIdReused(TransferId),
}
