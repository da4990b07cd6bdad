//! What writers do to a log, one transaction at a time.

use std::fmt::Write;

use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::ground::Ground;
use crate::support::Dice;

/// Streams that everybody writes to.
const STREAMS: u64 = 12;
/// The most events of an ordinary append.
const EVENTS_MAX: u64 = 3;
/// The longest hold, in milliseconds.
const HOLD: u64 = 12;

/// A kind of transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Held,
    RolledBack,
    SavepointRolledBack,
    EarlyTransactionId,
    SeveralStreams,
    TenThousandAppends,
    SettingWithoutMeaning,
    SettingLeftBehind,
    CommitPrepared,
    RollbackPrepared,
    Terminated,
}

impl Trouble {
    pub(super) const ALL: [Self; 11] = [
        Self::Held,
        Self::RolledBack,
        Self::SavepointRolledBack,
        Self::EarlyTransactionId,
        Self::SeveralStreams,
        Self::TenThousandAppends,
        Self::SettingWithoutMeaning,
        Self::SettingLeftBehind,
        Self::CommitPrepared,
        Self::RollbackPrepared,
        Self::Terminated,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Held => "commits after a hold",
            Self::RolledBack => "transactions rolled back",
            Self::SavepointRolledBack => "savepoints rolled back",
            Self::EarlyTransactionId => "early transaction ids",
            Self::SeveralStreams => "transactions over several streams",
            Self::TenThousandAppends => "transactions of ten thousand appends",
            Self::SettingWithoutMeaning => "settings without meaning",
            Self::SettingLeftBehind => "settings left behind",
            Self::CommitPrepared => "prepared transactions committed",
            Self::RollbackPrepared => "prepared transactions rolled back",
            Self::Terminated => "backends terminated",
        }
    }

    /// Makes the trouble once. An error ends the session; what is known by then has been noted.
    pub(super) async fn make(self, client: &Client, dice: &mut Dice, ground: &Ground) -> Result<(), Error> {
        let mut turn = Turn { client, dice, ground, events: Vec::new() };
        match self {
            Self::Held => turn.hold_and_commit("begin").await,
            Self::SettingWithoutMeaning => {
                turn.hold_and_commit("set annals_log.fence = 'garbage'; begin").await
            }
            Self::SettingLeftBehind => {
                // Of a transaction before: sent together with the next one it would be that one's own.
                client.batch_execute(SETTING_LEFT_BEHIND).await?;
                turn.hold_and_commit("begin").await
            }
            Self::RolledBack => turn.roll_back().await,
            Self::SavepointRolledBack => turn.roll_back_to_savepoint().await,
            Self::EarlyTransactionId => {
                turn.client.batch_execute("begin; select pg_current_xact_id()").await?;
                turn.dice.hold(5 * HOLD).await;
                turn.append_and_commit().await
            }
            Self::SeveralStreams => turn.append_to_several_streams().await,
            Self::TenThousandAppends => client.batch_execute(TEN_THOUSAND).await,
            Self::CommitPrepared | Self::RollbackPrepared => turn.prepare(self.ending_of_prepared()).await,
            Self::Terminated => return turn.terminate().await,
        }?;
        ground.tally.count(self.name());
        Ok(())
    }

    fn ending_of_prepared(self) -> &'static str {
        if self == Self::RollbackPrepared { "rollback prepared" } else { "commit prepared" }
    }

    /// Ends transactions that a lost session of this writer left prepared: streams and readers wait for them.
    pub(super) async fn end_what_was_left(self, client: &Client) -> Result<(), Error> {
        if !matches!(self, Self::CommitPrepared | Self::RollbackPrepared) {
            return Ok(());
        }
        let ending = self.ending_of_prepared();
        let left =
            client.query("select gid from pg_prepared_xacts where starts_with(gid, $1)", &[&ending]).await?;
        for row in left {
            client.batch_execute(&format!("{ending} '{}'", row.get::<_, &str>(0))).await?;
        }
        Ok(())
    }
}

/// As if the transaction before had entered the fence for the whole session.
const SETTING_LEFT_BEHIND: &str = "
    select set_config('annals_log.fence',
        pg_current_xact_id()::text || ':' || 'annals.events_position_seq'::regclass::oid, false)";

const TEN_THOUSAND: &str = r#"
    do $$
    begin
        for i in 1 .. 10000 loop
            perform annals.append('bulk-' || i % 100, -2, '[{"type": "loaded", "data": {}}]');
        end loop;
    end $$"#;

/// One transaction.
struct Turn<'a> {
    client: &'a Client,
    dice: &'a mut Dice,
    ground: &'a Ground,
    /// Appended and neither committed nor rolled back.
    events: Vec<Uuid>,
}

impl Turn<'_> {
    async fn append(&mut self, stream: u64) -> Result<(), Error> {
        let ids: Vec<Uuid> = (0..=self.dice.roll(EVENTS_MAX)).map(|_| Uuid::now_v7()).collect();
        let append = append_statement(&format!("shared-{stream}"), &ids);
        self.events.extend(&ids);
        self.client.batch_execute(&append).await
    }

    async fn append_anywhere(&mut self) -> Result<(), Error> {
        let stream = self.dice.roll(STREAMS);
        self.append(stream).await
    }

    async fn commit(&mut self) -> Result<(), Error> {
        self.client.batch_execute("commit").await?;
        self.ground.tally.acknowledge(self.events.drain(..));
        Ok(())
    }

    async fn append_and_commit(&mut self) -> Result<(), Error> {
        self.append_anywhere().await?;
        self.dice.hold(HOLD).await;
        self.commit().await
    }

    async fn hold_and_commit(&mut self, begin: &str) -> Result<(), Error> {
        self.client.batch_execute(begin).await?;
        self.append_and_commit().await
    }

    async fn roll_back(&mut self) -> Result<(), Error> {
        self.client.batch_execute("begin").await?;
        self.append_anywhere().await?;
        self.dice.hold(HOLD).await;
        self.client.batch_execute("rollback").await?;
        self.ground.tally.withdraw(self.events.drain(..));
        Ok(())
    }

    /// Appends, takes it back, and appends again: the mark went with the savepoint.
    async fn roll_back_to_savepoint(&mut self) -> Result<(), Error> {
        let (first, second) = self.two_streams_in_order();
        self.client.batch_execute("begin; savepoint s").await?;
        self.append(first).await?;
        self.dice.hold(HOLD).await;
        self.client.batch_execute("rollback to s").await?;
        self.ground.tally.withdraw(self.events.drain(..));
        self.append(second).await?;
        self.dice.hold(HOLD).await;
        self.commit().await
    }

    async fn append_to_several_streams(&mut self) -> Result<(), Error> {
        let (first, second) = self.two_streams_in_order();
        self.client.batch_execute("begin").await?;
        self.append(first).await?;
        self.dice.hold(HOLD).await;
        self.append(second).await?;
        self.dice.hold(HOLD).await;
        self.commit().await
    }

    /// Everybody locks streams in the same order, so nobody waits in a circle.
    fn two_streams_in_order(&mut self) -> (u64, u64) {
        let (one, other) = (self.dice.roll(STREAMS), self.dice.roll(STREAMS));
        (one.min(other), one.max(other))
    }

    async fn prepare(&mut self, ending: &str) -> Result<(), Error> {
        let name = format!("{ending} {}", Uuid::now_v7());
        self.client.batch_execute("begin").await?;
        self.append_anywhere().await?;
        self.client.batch_execute(&format!("prepare transaction '{name}'")).await?;
        self.dice.hold(2 * HOLD).await;
        self.client.batch_execute(&format!("{ending} '{name}'")).await?;
        if ending == "commit prepared" {
            self.ground.tally.acknowledge(self.events.drain(..));
        } else {
            self.ground.tally.withdraw(self.events.drain(..));
        }
        Ok(())
    }

    /// Commits while somebody ends the backend: either may come first, and the writer may not know which.
    async fn terminate(mut self) -> Result<(), Error> {
        let pid: i32 = self.client.query_one("select pg_backend_pid()", &[]).await?.get(0);
        self.client.batch_execute("begin").await?;
        self.append_anywhere().await?;
        let ground = self.ground;
        let hold = self.dice.roll(HOLD);
        let somebody = async move {
            let client = ground.connect_at_last().await;
            Dice::new(hold).hold(HOLD).await;
            client.query("select pg_terminate_backend($1)", &[&pid]).await.is_ok()
        };
        let writer = async {
            self.dice.hold(HOLD).await;
            self.commit().await
        };
        let (terminated, committed) = tokio::join!(somebody, writer);
        if terminated {
            ground.tally.count(Trouble::Terminated.name());
        }
        committed
    }
}

fn append_statement(stream: &str, ids: &[Uuid]) -> String {
    let mut events = String::new();
    for id in ids {
        let comma = if events.is_empty() { "" } else { "," };
        write!(events, r#"{comma}{{"type": "noted", "id": "{id}", "data": {{}}}}"#)
            .expect("a string takes all");
    }
    format!("select annals.append('{stream}', -2, '[{events}]')")
}
