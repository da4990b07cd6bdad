//! Transfers: two accounts, two streams, two steps.
//!
//! Between the steps the money is on its way, and a crash leaves it there until somebody asks for the same
//! transfer again: then the first step finds that it was done and the second one is made up for. Nothing is
//! moved twice, and nothing is lost, but somebody has to ask. A durable saga does the asking by itself and
//! will take over here.

use annals::aggregates::{Context, ExecuteOptions, Executed, Fault, Repository};
use annals::eventstore::EventStore;

use super::error::BankError;
use crate::domain::{Account, AccountCommand, AccountId, AccountRefusal, Money, TransferId};

/// A transfer somebody wants. The id is theirs: when in doubt they ask for the same transfer again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub id: TransferId,
    pub from: AccountId,
    pub to: AccountId,
    pub amount: Money,
}

/// Why a transfer did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the accounts said no before anything moved.
    #[error("nothing was transferred: {0}")]
    Refused(#[from] AccountRefusal),
    /// A machine failed. Ask for the same transfer again, under the same id.
    #[error("transfer {0} was interrupted: ask for it again under the same id")]
    Interrupted(TransferId, #[source] BankError),
    /// The receiving account was closed while the money was on its way, where it stays. This one is for a
    /// clerk; a saga would send the money back.
    #[error("transfer {0} left one account and was refused by the other: {1}")]
    Undeliverable(TransferId, #[source] AccountRefusal),
}

pub(super) async fn transfer<S: EventStore>(
    accounts: &Repository<Account, S>,
    wanted: &Transfer,
    context: &Context,
) -> Result<(), TransferError> {
    let interrupted = |fault: BankError| TransferError::Interrupted(wanted.id.clone(), fault);
    let load =
        async |account| accounts.load(account).await.map_err(|fault| interrupted(Fault::from(fault).into()));

    // Money that left has to arrive, so the receiver is looked at before it leaves.
    if !load(&wanted.from).await?.state.has_sent(&wanted.id) {
        load(&wanted.to).await?.state.must_be_open()?;
    }
    send(accounts, wanted, context).await.map_err(|error| match error {
        BankError::Refused(refusal) => TransferError::Refused(refusal),
        fault => interrupted(fault),
    })?;
    receive(accounts, wanted, context).await.map_err(|error| match error {
        BankError::Refused(refusal) => TransferError::Undeliverable(wanted.id.clone(), refusal),
        fault => interrupted(fault),
    })?;
    Ok(())
}

/// The first step. The account itself remembers what it sent: the second time there is nothing to do.
async fn send<S: EventStore>(
    accounts: &Repository<Account, S>,
    Transfer { id, from, to, amount }: &Transfer,
    context: &Context,
) -> Result<Executed<Account>, BankError> {
    let command = AccountCommand::SendTransfer { transfer: id.clone(), to: to.clone(), amount: *amount };
    accounts.execute(from, command, context).await
}

/// The second step. Here the log remembers, by an idempotency key: the second time it was applied already.
async fn receive<S: EventStore>(
    accounts: &Repository<Account, S>,
    Transfer { id, from, to, amount }: &Transfer,
    context: &Context,
) -> Result<Executed<Account>, BankError> {
    let command =
        AccountCommand::ReceiveTransfer { transfer: id.clone(), from: from.clone(), amount: *amount };
    let once = ExecuteOptions::keyed(format!("transfer {id} from {from}").as_str());
    accounts.execute_with(to, command, context, once).await
}
