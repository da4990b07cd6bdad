//! Those who have nothing to do with the log, and stay until every reader has read everything.

use std::sync::Arc;
use std::time::Duration;

use annals_devdb::TestFailure;
use tokio_postgres::{Client, Error};

use super::ground::Ground;
use crate::support::Dice;

/// What a bystander keeps open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bystander {
    LongWrite,
    LongRead,
    LongWriteElsewhere,
    /// Advisory locks on numbers of our own range, shared and not.
    LocksInOurRange,
}

impl Bystander {
    pub(super) const ALL: [Self; 4] =
        [Self::LongWrite, Self::LongRead, Self::LongWriteElsewhere, Self::LocksInOurRange];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LongWrite => "long foreign write transactions",
            Self::LongRead => "long foreign read transactions",
            Self::LongWriteElsewhere => "long write transactions in another database",
            Self::LocksInOurRange => "foreign advisory locks in our range",
        }
    }

    fn statements(self) -> &'static str {
        match self {
            Self::LongWrite | Self::LongWriteElsewhere => "begin; insert into bystanders values ('long')",
            Self::LongRead => "begin isolation level repeatable read; select count(*) from annals.events",
            // Marks at the very beginning of the log: who believed them would never read on.
            Self::LocksInOurRange => {
                "begin; insert into bystanders values ('lock');
                 select pg_advisory_xact_lock_shared(annals.fence_namespace() << 48);
                 select pg_advisory_xact_lock((annals.fence_namespace() << 48) | 1)"
            }
        }
    }

    /// Stands by until everything is read; again when the server took the session away.
    pub(super) async fn stand_by(self, ground: Arc<Ground>) {
        let mut is_read = ground.is_read.subscribe();
        loop {
            let Ok(client) = self.stand(&ground).await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            ground.tally.count(self.name());
            tokio::select! {
                _ = is_read.wait_for(|is_read| *is_read) => return,
                () = gone(&client) => {}
            }
        }
    }

    async fn stand(self, ground: &Ground) -> Result<Client, TroubleWithServer> {
        let client = match self {
            Self::LongWriteElsewhere => ground.connect_elsewhere().await?,
            _ => ground.connect().await?,
        };
        client.batch_execute(self.statements()).await?;
        Ok(client)
    }
}

/// The server is not there at the moment.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum TroubleWithServer {
    Connect(#[from] annals_eventstore::postgres::ConnectError),
    Statement(#[from] Error),
}

/// Returns when the session is gone.
async fn gone(client: &Client) {
    while !client.is_closed() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Prepares a transaction that writes and has nothing to do with the log; it outlives every session.
pub(super) async fn leave_prepared_transaction(client: &Client) -> Result<(), Error> {
    client
        .batch_execute("begin; insert into bystanders values ('prepared'); prepare transaction 'bystander'")
        .await
}

/// Kills a backend as the kernel would. The server takes all others down and comes back by itself.
pub(super) async fn kill_a_backend(ground: &Ground, dice: &mut Dice) -> Result<(), TestFailure> {
    let client = ground.connect_at_last().await;
    let sql =
        "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
               order by (query like '%append%') desc, pid offset $1 limit 1";
    let offset = i64::try_from(dice.roll(5))?;
    if let Some(row) = client.query_opt(sql, &[&offset]).await? {
        let pid = row.get::<_, i32>(0).to_string();
        ground.crashes.send_modify(|crashes| *crashes += 1);
        if tokio::process::Command::new("kill").args(["-9", &pid]).status().await?.success() {
            ground.tally.count("backends killed");
        }
    }
    Ok(())
}

/// Kills a backend in the middle of the stress, and every ten seconds of it.
pub(super) async fn kill_backends(
    ground: Arc<Ground>,
    length: Duration,
    mut dice: Dice,
) -> Result<(), TestFailure> {
    let pause = (length / 2).min(Duration::from_secs(10));
    loop {
        tokio::time::sleep(pause).await;
        if ground.is_over() {
            return Ok(());
        }
        kill_a_backend(&ground, &mut dice).await?;
    }
}
