//! The balances in Rust and those in SQL are the same, whatever happened.

use std::path::Path;
use std::time::Duration;

use annals::eventstore::postgres::{Consumer, SchemaName, migrate, migrations_fingerprint};
use annals::eventstore::{Append, EventStore, ExpectedVersion, GlobalPosition};
use annals::projections::{Progress, Runner, SqlProjection};
use annals_devdb::{Template, TestDatabase, TestFailure, TestResult};

use super::*;
use crate::domain::Money;

const SOON: Duration = Duration::from_secs(60);

/// The read models in SQL, with the schemas of their tables.
const IN_SQL: [(&str, &str); 2] =
    [("balances", "bank_balances"), ("balances-by-batch", "bank_balances_by_batch")];

async fn log() -> Result<(TestDatabase, PostgresStore), TestFailure> {
    let migrated = async |url: String| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        migrate(&url.parse()?, &SchemaName::default()).await?;
        Ok(())
    };
    let database = TestDatabase::create(&Template::new("log", &migrations_fingerprint()), migrated).await?;
    let store = PostgresStore::connect(database.url()).await?;
    Ok((database, store))
}

fn in_sql(folder: &str) -> Result<SqlProjection, TestFailure> {
    let projections = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bank/projections");
    Ok(SqlProjection::load(projections.join(folder))?)
}

/// Appends what happens to some accounts by chance, the same for the same seed; returns where the log ends.
async fn history(store: &PostgresStore, mut seed: u64) -> Result<GlobalPosition, TestFailure> {
    let mut roll = |faces: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % faces
    };
    let (mut opened, mut last) = (Vec::new(), GlobalPosition::START);
    for _ in 0..150 {
        let account = roll(8);
        let amount = Money::from_cents(i64::try_from(roll(100_000_000_000))?);
        let (other, transfer) = ("other", format!("transfer {}", roll(100)));
        let event = if opened.contains(&account) {
            match roll(6) {
                0 | 1 => AccountEvent::Deposited { amount },
                2 => AccountEvent::Withdrawn { amount },
                3 => AccountEvent::TransferSent { transfer: (*transfer).into(), to: other.into(), amount },
                4 => AccountEvent::TransferReceived {
                    transfer: (*transfer).into(),
                    from: other.into(),
                    amount,
                },
                _ => AccountEvent::Closed,
            }
        } else {
            opened.push(account);
            AccountEvent::Opened { owner: format!("O'Neill {account} \\ \"名\""), overdraft_limit: amount }
        };
        let append = Append::to(format!("account-{account}").parse()?, [event.encode()?]);
        last = store.append(append.expecting(ExpectedVersion::Any)).await?.to_position;
    }
    Ok(last)
}

async fn rows(store: &PostgresStore, schema: &str) -> Result<Vec<String>, TestFailure> {
    let client = store.pool().get().await?;
    let sql =
        format!("select row(account, owner, cents, version)::text from {schema}.balances order by account");
    Ok(client.query(&sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

#[tokio::test]
async fn the_balances_in_rust_and_those_in_sql_are_the_same_after_any_history() -> TestResult {
    for seed in 1..=3 {
        let (_database, store) = log().await?;
        let (in_rust, _batches) = Balances::new();
        let in_rust = annals::projections::start(&store, in_rust).await?;
        let mut runner = Runner::new(&store);
        for (folder, _) in IN_SQL {
            runner = runner.host_sql(in_sql(folder)?);
        }
        let runner = runner.start().await?;

        let last = history(&store, seed).await?;
        in_rust.wait_for(last, SOON).await?;
        for (folder, schema) in IN_SQL {
            let projection = in_sql(folder)?;
            let consumer = Consumer { name: projection.name().to_owned(), version: projection.version() };
            Progress::of(&store, store.pool().clone(), consumer).wait_for(last, None, SOON).await?;
            assert_eq!(rows(&store, schema).await?, rows(&store, "bank").await?, "seed {seed}, {folder}");
        }
        runner.stop().await;
        in_rust.stop().await?;
        store.close().await;
    }
    Ok(())
}
