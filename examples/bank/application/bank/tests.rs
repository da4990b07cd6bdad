//! What the bank promises, over the log in memory.

use annals::aggregates::{Aggregate, Executed};
use annals::eventstore::{Append, MemoryStore};

use super::*;
use crate::domain::{AccountEvent, AccountRefusal};

fn euros(euros: i64) -> Money {
    Money::from_cents(euros * 100)
}

fn rent(amount: i64) -> Transfer {
    Transfer { id: "rent".into(), from: "ada".into(), to: "landlord".into(), amount: euros(amount) }
}

/// A bank where Ada has 100 and her landlord has nothing.
async fn bank() -> Bank<MemoryStore> {
    let bank = Bank::new(MemoryStore::new());
    let context = Context::new();
    for owner in ["ada", "landlord"] {
        bank.open(&owner.into(), owner, None, &context).await.unwrap();
    }
    bank.deposit(&"ada".into(), euros(100), &context).await.unwrap();
    bank
}

async fn balances(bank: &Bank<MemoryStore>) -> [Money; 2] {
    let balance = async |owner: &str| bank.account(&owner.into()).await.unwrap().state.balance();
    [balance("ada").await, balance("landlord").await]
}

#[tokio::test]
async fn a_transfer_moves_the_money_once_however_often_it_is_asked_for() {
    let bank = bank().await;

    for _ in 0..3 {
        bank.transfer(&rent(70), &Context::new()).await.unwrap();
    }

    assert_eq!(balances(&bank).await, [euros(30), euros(70)]);
}

#[tokio::test]
async fn a_transfer_that_was_cut_short_arrives_when_it_is_asked_for_again() {
    let bank = bank().await;
    let sent =
        AccountCommand::SendTransfer { transfer: "rent".into(), to: "landlord".into(), amount: euros(70) };
    bank.accounts.execute(&"ada".into(), sent, &Context::new()).await.unwrap();
    assert_eq!(balances(&bank).await, [euros(30), euros(0)]);

    bank.transfer(&rent(70), &Context::new()).await.unwrap();

    assert_eq!(balances(&bank).await, [euros(30), euros(70)]);
}

#[tokio::test]
async fn money_does_not_leave_for_an_account_that_is_not_there() {
    let bank = bank().await;
    let to_nobody = Transfer { to: "nobody".into(), ..rent(70) };

    let refused = bank.transfer(&to_nobody, &Context::new()).await.expect_err("there is no such account");

    assert!(matches!(refused, TransferError::Refused(AccountRefusal::AccountNotOpen)));
    assert_eq!(balances(&bank).await, [euros(100), euros(0)]);
}

#[tokio::test]
async fn a_transfer_nobody_can_afford_moves_nothing() {
    let bank = bank().await;

    let refused = bank.transfer(&rent(101), &Context::new()).await.expect_err("100 are there");

    assert_eq!(
        refused.to_string(),
        "nothing was transferred: insufficient funds: balance is 100.00, wanted is 101.00"
    );
    assert_eq!(balances(&bank).await, [euros(100), euros(0)]);
}

#[tokio::test]
async fn money_on_its_way_to_an_account_that_was_closed_is_reported_each_time() {
    let bank = bank().await;
    let sent =
        AccountCommand::SendTransfer { transfer: "rent".into(), to: "landlord".into(), amount: euros(70) };
    bank.accounts.execute(&"ada".into(), sent, &Context::new()).await.unwrap();
    bank.close(&"landlord".into(), &Context::new()).await.unwrap();

    for _ in 0..2 {
        let stuck = bank.transfer(&rent(70), &Context::new()).await.expect_err("the account is closed");
        assert!(matches!(stuck, TransferError::Undeliverable(_, AccountRefusal::AccountClosed)));
    }
}

#[tokio::test]
async fn an_account_can_be_seen_as_it_was() {
    let bank = bank().await;
    let withdrawn = bank.withdraw(&"ada".into(), euros(40), &Context::new()).await.unwrap();
    let Executed::Applied { loaded, .. } = withdrawn else { panic!("money was withdrawn") };

    let before = bank.account_at(&"ada".into(), Version::FIRST.next()).await.unwrap();

    assert_eq!(loaded.state.balance(), euros(60));
    assert_eq!(before.state.balance(), euros(100));
}

#[tokio::test]
async fn a_statement_shows_every_event_and_the_balance_after_it() {
    let bank = bank().await;
    bank.transfer(&rent(70), &Context::new()).await.unwrap();

    let statement = bank.statement(&"ada".into()).await.unwrap();

    let lines: Vec<_> = statement.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "   1  opened for ada                                                0.00",
            "   2  deposit                                       +100.00       100.00",
            "   3  transfer rent to landlord                      -70.00        30.00",
        ]
    );
}

#[tokio::test]
async fn a_statement_of_many_pages_is_complete() {
    let bank = bank().await;
    let deposits = (0..2500).map(|_| {
        annals::eventstore::Event::encode(&AccountEvent::Deposited { amount: Money::from_cents(1) }).unwrap()
    });
    let stream = Account::stream_name(&"landlord".into()).unwrap();
    bank.accounts.store().append(Append::to(stream, deposits)).await.unwrap();

    let statement = bank.statement(&"landlord".into()).await.unwrap();

    assert_eq!(statement.len(), 2501);
    assert_eq!(statement.last().unwrap().balance, euros(25));
}
