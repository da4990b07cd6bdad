//! The rules of an account, each as a sentence.

use annals::aggregates::test_kit::given;

use super::*;

fn euros(euros: i64) -> Money {
    Money::from_cents(euros * 100)
}

fn opened() -> AccountEvent {
    AccountEvent::Opened { owner: "Ada".into(), overdraft_limit: Money::ZERO }
}

fn deposited(amount: i64) -> AccountEvent {
    AccountEvent::Deposited { amount: euros(amount) }
}

fn withdrawn(amount: i64) -> AccountEvent {
    AccountEvent::Withdrawn { amount: euros(amount) }
}

fn rent_sent(amount: i64) -> AccountEvent {
    AccountEvent::TransferSent { transfer: "rent".into(), to: "landlord".into(), amount: euros(amount) }
}

fn open(overdraft_limit: Option<Money>) -> AccountCommand {
    AccountCommand::Open { owner: "Ada".into(), overdraft_limit }
}

fn deposit(amount: i64) -> AccountCommand {
    AccountCommand::Deposit { amount: euros(amount) }
}

fn withdraw(amount: i64) -> AccountCommand {
    AccountCommand::Withdraw { amount: euros(amount) }
}

fn send_rent(amount: i64) -> AccountCommand {
    AccountCommand::SendTransfer { transfer: "rent".into(), to: "landlord".into(), amount: euros(amount) }
}

fn receive_rent(amount: i64) -> AccountCommand {
    AccountCommand::ReceiveTransfer { transfer: "rent".into(), from: "ada".into(), amount: euros(amount) }
}

#[test]
fn an_account_is_opened_once_and_for_somebody() {
    given::<Account>([]).when(open(None)).then_events([opened()]);
    given::<Account>([opened()]).when(open(None)).then_refused(AccountRefusal::AccountAlreadyOpen);
    given::<Account>([])
        .when(AccountCommand::Open { owner: " ".into(), overdraft_limit: None })
        .then_refused(AccountRefusal::OwnerMissing);
}

#[test]
fn deposits_and_withdrawals_change_the_balance() {
    given::<Account>([opened(), deposited(10)])
        .when(withdraw(4))
        .then_events([withdrawn(4)])
        .then_state(|account| assert_eq!(account.balance(), euros(6)));
    given::<Account>([opened(), deposited(10)])
        .when(deposit(5))
        .then_events([deposited(5)])
        .then_state(|account| assert_eq!(account.balance(), euros(15)));
}

#[test]
fn nobody_withdraws_more_than_there_is() {
    let refusal = AccountRefusal::InsufficientFunds { balance: euros(10), wanted: euros(11) };
    given::<Account>([opened(), deposited(10)]).when(withdraw(11)).then_refused(refusal);
    given::<Account>([opened(), deposited(10)]).when(withdraw(10)).then_events([withdrawn(10)]);
}

#[test]
fn an_overdraft_limit_is_what_the_balance_may_lack() {
    let opened = AccountEvent::Opened { owner: "Ada".into(), overdraft_limit: euros(5) };
    given::<Account>([]).when(open(Some(euros(5)))).then_events([opened.clone()]);
    given::<Account>([opened.clone(), deposited(10)])
        .when(withdraw(15))
        .then_events([withdrawn(15)])
        .then_state(|account| assert_eq!(account.balance(), euros(-5)));
    given::<Account>([opened, deposited(10), withdrawn(15)])
        .when(withdraw(1))
        .then_refused(AccountRefusal::InsufficientFunds { balance: euros(-5), wanted: euros(1) });
}

#[test]
fn no_amount_is_zero_or_negative_or_beyond_the_limit() {
    let commands = |amount| [deposit(amount), withdraw(amount), send_rent(amount), receive_rent(amount)];
    for amount in [0, -1] {
        for command in commands(amount) {
            given::<Account>([opened()]).when(command).then_refused(AccountRefusal::AmountMustBePositive);
        }
        given::<Account>([])
            .when(open(Some(euros(amount))))
            .then_refused(AccountRefusal::AmountMustBePositive);
    }
    for command in commands(1_000_000_001) {
        given::<Account>([opened()]).when(command).then_refused(AccountRefusal::AmountTooLarge);
    }
}

#[test]
fn a_transfer_leaves_one_account_and_comes_to_the_other() {
    given::<Account>([opened(), deposited(10)])
        .when(send_rent(7))
        .then_events([rent_sent(7)])
        .then_state(|account| assert_eq!(account.balance(), euros(3)));
    given::<Account>([opened()])
        .when(receive_rent(7))
        .then_state(|account| assert_eq!(account.balance(), euros(7)));
}

#[test]
fn a_transfer_that_left_does_not_leave_again_even_when_it_could_not() {
    given::<Account>([opened(), deposited(10), rent_sent(7)]).when(send_rent(7)).then_nothing();
}

#[test]
fn a_transfers_name_is_not_taken_for_another_transfer() {
    given::<Account>([opened(), deposited(10), rent_sent(7)])
        .when(send_rent(1))
        .then_refused(AccountRefusal::TransferIdReused("rent".into()));
}

#[test]
fn an_account_is_closed_when_it_is_empty_and_stays_closed() {
    given::<Account>([opened()]).when(AccountCommand::Close).then_events([AccountEvent::Closed]);
    given::<Account>([opened(), AccountEvent::Closed]).when(AccountCommand::Close).then_nothing();
    given::<Account>([opened(), deposited(1)])
        .when(AccountCommand::Close)
        .then_refused(AccountRefusal::BalanceNotZero { balance: euros(1) });
}

#[test]
fn only_an_open_account_moves_money() {
    for command in [deposit(1), withdraw(1), send_rent(1), receive_rent(1)] {
        given::<Account>([]).when(command.clone()).then_refused(AccountRefusal::AccountNotOpen);
        given::<Account>([opened(), AccountEvent::Closed])
            .when(command)
            .then_refused(AccountRefusal::AccountClosed);
    }
    given::<Account>([]).when(AccountCommand::Close).then_refused(AccountRefusal::AccountNotOpen);
    given::<Account>([opened(), AccountEvent::Closed])
        .when(open(None))
        .then_refused(AccountRefusal::AccountClosed);
}
