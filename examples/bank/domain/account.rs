//! The rules of an account.

use std::collections::BTreeMap;

use annals::aggregates::{Aggregate, Context, Events};

use super::{AccountCommand, AccountEvent, AccountId, AccountRefusal, Money, TransferId};

/// An account, as far as its rules need to know it: the owner's name is in the log and not in here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    status: Status,
    balance: Money,
    overdraft_limit: Money,
    /// What left for other accounts, so that a transfer asked for twice leaves once.
    sent: BTreeMap<TransferId, (AccountId, Money)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Status {
    #[default]
    NotOpenedYet,
    Open,
    Closed,
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Id = AccountId;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Refusal = AccountRefusal;

    fn decide(&self, command: AccountCommand, _: &Context) -> Result<Events<AccountEvent>, AccountRefusal> {
        match command {
            AccountCommand::Open { owner, overdraft_limit } => self.open(owner, overdraft_limit),
            AccountCommand::Deposit { amount } => {
                self.must_be_open()?;
                Ok(AccountEvent::Deposited { amount: valid(amount)? }.into())
            }
            AccountCommand::Withdraw { amount } => {
                self.must_afford(amount)?;
                Ok(AccountEvent::Withdrawn { amount }.into())
            }
            AccountCommand::SendTransfer { transfer, to, amount } => self.send(transfer, to, amount),
            AccountCommand::ReceiveTransfer { transfer, from, amount } => {
                self.must_be_open()?;
                Ok(AccountEvent::TransferReceived { transfer, from, amount: valid(amount)? }.into())
            }
            AccountCommand::Close => self.close(),
        }
    }

    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { overdraft_limit, .. } => {
                self.status = Status::Open;
                self.overdraft_limit = *overdraft_limit;
            }
            AccountEvent::Deposited { amount } | AccountEvent::TransferReceived { amount, .. } => {
                self.balance += *amount;
            }
            AccountEvent::Withdrawn { amount } => self.balance -= *amount,
            AccountEvent::TransferSent { transfer, to, amount } => {
                self.balance -= *amount;
                self.sent.insert(transfer.clone(), (to.clone(), *amount));
            }
            AccountEvent::Closed => self.status = Status::Closed,
        }
    }
}

impl Account {
    /// Returns what is on the account; below zero while it is overdrawn.
    pub fn balance(&self) -> Money {
        self.balance
    }

    /// Tells whether a transfer has left this account.
    pub fn has_sent(&self, transfer: &TransferId) -> bool {
        self.sent.contains_key(transfer)
    }

    /// Refuses for an account that does not exist, yet or any more.
    pub fn must_be_open(&self) -> Result<(), AccountRefusal> {
        match self.status {
            Status::Open => Ok(()),
            Status::NotOpenedYet => Err(AccountRefusal::AccountNotOpen),
            Status::Closed => Err(AccountRefusal::AccountClosed),
        }
    }

    fn must_afford(&self, wanted: Money) -> Result<(), AccountRefusal> {
        self.must_be_open()?;
        if valid(wanted)? > self.balance + self.overdraft_limit {
            return Err(AccountRefusal::InsufficientFunds { balance: self.balance, wanted });
        }
        Ok(())
    }

    fn open(
        &self,
        owner: String,
        overdraft_limit: Option<Money>,
    ) -> Result<Events<AccountEvent>, AccountRefusal> {
        match self.status {
            Status::NotOpenedYet if owner.trim().is_empty() => Err(AccountRefusal::OwnerMissing),
            Status::NotOpenedYet => {
                let overdraft_limit = overdraft_limit.map_or(Ok(Money::ZERO), valid)?;
                Ok(AccountEvent::Opened { owner, overdraft_limit }.into())
            }
            Status::Open => Err(AccountRefusal::AccountAlreadyOpen),
            Status::Closed => Err(AccountRefusal::AccountClosed),
        }
    }

    fn send(
        &self,
        transfer: TransferId,
        to: AccountId,
        amount: Money,
    ) -> Result<Events<AccountEvent>, AccountRefusal> {
        match self.sent.get(&transfer) {
            Some(sent) if *sent == (to.clone(), amount) => Ok(Events::none()),
            Some(_) => Err(AccountRefusal::TransferIdReused(transfer)),
            None => {
                self.must_afford(amount)?;
                Ok(AccountEvent::TransferSent { transfer, to, amount }.into())
            }
        }
    }

    fn close(&self) -> Result<Events<AccountEvent>, AccountRefusal> {
        match self.status {
            Status::NotOpenedYet => Err(AccountRefusal::AccountNotOpen),
            Status::Open if self.balance != Money::ZERO => {
                Err(AccountRefusal::BalanceNotZero { balance: self.balance })
            }
            Status::Open => Ok(AccountEvent::Closed.into()),
            Status::Closed => Ok(Events::none()),
        }
    }
}

/// Passes an amount that can be moved.
fn valid(amount: Money) -> Result<Money, AccountRefusal> {
    if amount <= Money::ZERO {
        Err(AccountRefusal::AmountMustBePositive)
    } else if amount > Money::AMOUNT_MAX {
        Err(AccountRefusal::AmountTooLarge)
    } else {
        Ok(amount)
    }
}

#[cfg(test)]
mod tests;
