//! A bank on Annals, from an empty database to a read model: `cargo run --example bank`.
//!
//! `domain` holds the rules, `application` what people ask for, `infrastructure` the database; this file is
//! the day at the counter. Run it again: the log stays, and the accounts of each run are new ones. `schema check` compares
//! the events with `events.json` instead; `run` keeps the read models up to date until Ctrl-C, `status` and
//! `projection ls` look at them.

mod application;
mod domain;
mod infrastructure;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use annals::aggregates::Executed;
use annals::eventstore::postgres::Consumer;
use annals::eventstore::{GlobalPosition, WokenBy};
use annals::prelude::*;
use annals::projections::{Progress, RunningProjection, WaitError, start};
use tokio::sync::mpsc;

use application::{Bank, BankError, Transfer};
use domain::{Account, AccountEvent, AccountId, AccountRefusal, Money, TransferId};
use infrastructure::{AppliedBatch, Balances, Log, SCHEMA_FILE, application, balances_of, open_log, schema};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        None => day_at_the_counter().map(|()| ExitCode::SUCCESS),
        Some("schema") => Ok(schema().run(SCHEMA_FILE, &arguments[1..])),
        Some(_) => Ok(application().main()),
    }
}

#[tokio::main]
async fn day_at_the_counter() -> Outcome {
    let began = Instant::now();
    let log = open_log().await?;
    let day = Day::begin(&log).await?;
    day.accounts_are_opened_and_money_moves().await?;
    day.what_the_rules_forbid_is_refused().await?;
    day.two_clerks_meet_at_one_account().await?;
    day.an_account_is_rebuilt_from_its_events().await?;
    day.end(&log).await?;
    println!("\nDone in {:.2?}.", began.elapsed());
    try_next();
    Ok(())
}

/// One day of the bank.
struct Day {
    bank: Bank<PostgresStore>,
    store: PostgresStore,
    context: Context,
    ada: AccountId,
    bob: AccountId,
    balances: RunningProjection,
    batches: mpsc::UnboundedReceiver<AppliedBatch>,
}

impl Day {
    async fn begin(log: &Log) -> Outcome<Self> {
        let (projection, batches) = Balances::new();
        let balances = start(&log.store, projection).await?;
        // Every run has accounts of its own, told apart by the end of a fresh id.
        let run = annals::eventstore::EventId::new().to_string().split_off(30);
        Ok(Self {
            bank: Bank::new(log.store.clone()),
            store: log.store.clone(),
            context: Context::new().acting_for("teller 7"),
            ada: AccountId::from(format!("ada-{run}").as_str()),
            bob: AccountId::from(format!("bob-{run}").as_str()),
            balances,
            batches,
        })
    }

    async fn accounts_are_opened_and_money_moves(&self) -> Outcome {
        title("Accounts are opened, money moves");
        let Self { bank, context, ada, bob, .. } = self;
        bank.open(ada, "Ada", None, context).await?;
        bank.open(bob, "Bob", Some(money("50.00")), context).await?;
        bank.deposit(ada, money("100.00"), context).await?;
        bank.withdraw(ada, money("12.50"), context).await?;
        let transfer = Transfer {
            id: TransferId::from(format!("rent of {ada}").as_str()),
            from: ada.clone(),
            to: bob.clone(),
            amount: money("40.00"),
        };
        bank.transfer(&transfer, context).await?;
        // In doubt, ask again: the same transfer moves nothing twice.
        bank.transfer(&transfer, context).await?;
        for line in bank.statement(ada).await? {
            println!("  {line}");
        }
        Ok(())
    }

    async fn what_the_rules_forbid_is_refused(&self) -> Outcome {
        title("What the rules forbid is refused");
        let before = self.bank.account(&self.ada).await?.version;
        let overdraft = self.bank.withdraw(&self.ada, money("1000.00"), &self.context).await;
        println!("  withdraw 1000.00: {}", refusal(overdraft)?);
        let closing = self.bank.close(&self.ada, &self.context).await;
        println!("  close the account: {}", refusal(closing)?);
        let after = self.bank.account(&self.ada).await?.version;
        println!("  nothing was written: the account is at version {before} and stays at {after}");
        Ok(())
    }

    async fn two_clerks_meet_at_one_account(&self) -> Outcome {
        title("Two clerks meet at one account");
        let seen = self.bank.account(&self.ada).await?.version;
        println!("  both see version {seen}");
        self.bank.deposit(&self.ada, money("5.00"), &self.context).await?;
        println!("  the first one deposits 5.00");

        let late = AccountEvent::Withdrawn { amount: money("7.00") }.encode()?;
        let append = Append::to(Account::stream_name(&self.ada)?, [late]).expecting(seen);
        match self.store.append(append).await {
            Err(conflict) if conflict.is_conflict() => println!("  the second one is told: {conflict}"),
            other => return Err(format!("two clerks wrote at one version: {other:?}").into()),
        }
        let executed = self.bank.withdraw(&self.ada, money("7.00"), &self.context).await?;
        let version = executed.loaded().map(|loaded| loaded.version).unwrap_or_default();
        println!("  asked as a command it is decided again on what is there now: version {version}");
        Ok(())
    }

    async fn an_account_is_rebuilt_from_its_events(&self) -> Outcome {
        title("An account is rebuilt from its events");
        let now = self.bank.account(&self.ada).await?;
        println!("  now, at version {}: {}", now.version, now.state.balance());
        for version in [Version::FIRST.next(), Version::FIRST.advance(2)] {
            let then = self.bank.account_at(&self.ada, version).await?;
            println!("  as of version {}: {}", then.version, then.state.balance());
        }
        Ok(())
    }

    async fn end(mut self, log: &Log) -> Outcome {
        title("A projection has kept the balances");
        let last = self.last_position().await?;
        let waited = Instant::now();
        let is_ours = self.caught_up(last, log.poll_interval.saturating_add(Duration::from_secs(10))).await?;
        println!("  it had caught up {:.1?} after the last append was answered", waited.elapsed());
        self.print_batches(log);
        println!("  {:<12} {:<6} {:>10}  version", "account", "owner", "balance");
        for row in balances_of(&self.store, &[&self.ada, &self.bob]).await? {
            let balance = Money::from_cents(row.cents);
            println!("  {:<12} {:<6} {balance:>10}  {}", row.account, row.owner, row.version);
        }
        if is_ours {
            let checkpoint = self.balances.stop().await?;
            println!("  its checkpoint, written with the rows, is at position {}", checkpoint.position);
        } else {
            println!("  a runner has taken it over, which goes on with it (cargo run --example bank status)");
        }
        self.store.close().await;
        Ok(())
    }

    /// Waits until the balances are there; tells whether this process keeps them still, or a runner that came meanwhile.
    async fn caught_up(&self, last: GlobalPosition, patience: Duration) -> Outcome<bool> {
        match self.balances.wait_for(last, patience).await {
            Err(WaitError::Stopped { .. }) => {
                let balances = Consumer { name: Balances::NAME.to_owned(), version: Balances::VERSION };
                let progress = Progress::of(&self.store, self.store.pool().clone(), balances);
                progress.wait_for(last, None, patience).await?;
                Ok(false)
            }
            waited => Ok(waited.map(|()| true)?),
        }
    }

    async fn last_position(&self) -> Outcome<GlobalPosition> {
        let stream = Account::stream_name(&self.ada)?;
        let last = self.store.read_stream(&stream, StreamQuery::backward().limit(1)).await?;
        Ok(last.first().map(|event| event.position).ok_or("the account has no events")?)
    }

    fn print_batches(&mut self, log: &Log) {
        while let Ok(batch) = self.batches.try_recv() {
            let woken = match batch.woken_by {
                WokenBy::Reading => "read at start".to_owned(),
                WokenBy::Notification => "woken by NOTIFY".to_owned(),
                WokenBy::Poll => format!("found by polling, every {:?}", log.poll_interval),
                WokenBy::LookAgain => "held back by an open append until now".to_owned(),
            };
            println!("  batch of {:>3} events for {} accounts: {woken}", batch.events, batch.accounts);
        }
        if !log.notify {
            println!("  (NOTIFY is switched off)");
        }
    }
}

fn title(title: &str) {
    println!("\n{title}");
}

/// Returns what the account refused; anything else is not what this file is about.
fn refusal(answer: Result<Executed<Account>, BankError>) -> Outcome<AccountRefusal> {
    match answer {
        Err(BankError::Refused(refusal)) => Ok(refusal),
        other => Err(format!("this should have been refused: {other:?}").into()),
    }
}

/// Reads an amount that stands in this file.
fn money(amount: &str) -> Money {
    amount.parse().expect("the amounts of the example are written right")
}

fn try_next() {
    println!(
        "\nTry next
  cargo run --example bank                              again: the log stays, the read model goes on
  ANNALS_NOTIFY=off cargo run --example bank            without wake-ups readers poll, once a second
  cargo run --example bank schema check                 the events against the file of their names and shapes
  cargo run --example bank run                          the balances kept up to date, until Ctrl-C
  cargo run -p annals-admin -- stream ls                the streams in the log
  cargo run -p annals-admin -- events tail --limit 10   the last of its events
  cargo run -p annals-admin -- dev psql                 the tables; `select * from bank.balances`
  examples/bank/domain/account.rs                       the rules, in one screen of code"
    );
}
