//! The bank at its counter.

use annals::aggregates::{Context, Executed, LoadError, Loaded, Repository};
use annals::eventstore::{EventStore, Version};

use super::error::BankError;
use super::statement::{StatementLine, statement};
use super::transfer::{Transfer, TransferError, transfer};
use crate::domain::{Account, AccountCommand, AccountId, Money};

/// A bank over any log: PostgreSQL in production, memory in tests.
#[derive(Debug, Clone)]
pub struct Bank<S> {
    accounts: Repository<Account, S>,
}

impl<S: EventStore> Bank<S> {
    /// Opens for business.
    pub fn new(store: S) -> Self {
        Self { accounts: Repository::new(store) }
    }

    /// Opens an account.
    pub async fn open(
        &self,
        account: &AccountId,
        owner: &str,
        overdraft_limit: Option<Money>,
        context: &Context,
    ) -> Result<Executed<Account>, BankError> {
        let command = AccountCommand::Open { owner: owner.to_owned(), overdraft_limit };
        self.accounts.execute(account, command, context).await
    }

    /// Takes money in.
    pub async fn deposit(
        &self,
        account: &AccountId,
        amount: Money,
        context: &Context,
    ) -> Result<Executed<Account>, BankError> {
        self.accounts.execute(account, AccountCommand::Deposit { amount }, context).await
    }

    /// Pays money out.
    pub async fn withdraw(
        &self,
        account: &AccountId,
        amount: Money,
        context: &Context,
    ) -> Result<Executed<Account>, BankError> {
        self.accounts.execute(account, AccountCommand::Withdraw { amount }, context).await
    }

    /// Moves money from one account to another.
    pub async fn transfer(&self, wanted: &Transfer, context: &Context) -> Result<(), TransferError> {
        transfer(&self.accounts, wanted, context).await
    }

    /// Closes an account.
    pub async fn close(
        &self,
        account: &AccountId,
        context: &Context,
    ) -> Result<Executed<Account>, BankError> {
        self.accounts.execute(account, AccountCommand::Close, context).await
    }

    /// Returns an account as it is now, computed from its events.
    pub async fn account(&self, account: &AccountId) -> Result<Loaded<Account>, LoadError> {
        self.accounts.load(account).await
    }

    /// Returns an account as it was at an earlier version.
    pub async fn account_at(
        &self,
        account: &AccountId,
        version: Version,
    ) -> Result<Loaded<Account>, LoadError> {
        self.accounts.load_at(account, version).await
    }

    /// Returns everything that happened to an account, with the balance after each event.
    pub async fn statement(&self, account: &AccountId) -> Result<Vec<StatementLine>, LoadError> {
        statement(self.accounts.store(), account).await
    }
}

#[cfg(test)]
mod tests;
