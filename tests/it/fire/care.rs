//! What an operator does meanwhile: events that cannot be applied are retried and discarded, those that stop a slot skipped.

use std::collections::HashSet;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{Append, EventStore, ExpectedVersion, GlobalPosition, NewEvent};
use annals_projections::{OperateError, Operator};
use tokio::time::{Instant, sleep};
use tokio_postgres::types::ToSql;

use super::ground::{Ground, PATIENCE};
use super::hosted::{HALTED, NOTED, SICKENED, SLOTS, consumer};

/// How long the owner of a slot is waited for, before it is asked once more.
const ANSWER: Duration = Duration::from_secs(5);

/// More than are applied in one transaction when a key is retried.
pub(super) const MANY: usize = 205;

pub(super) struct Care<'a> {
    ground: &'a Ground,
    operator: Operator,
}

impl<'a> Care<'a> {
    pub(super) fn of(ground: &'a Ground) -> Self {
        Self { ground, operator: Operator::of(&ground.store, ground.store.pool().clone()) }
    }

    /// Appends events of one type to a stream; returns where the first of them stands, and nothing where nobody knows.
    pub(super) async fn append(
        &self,
        stream: &str,
        event_type: &str,
        events: usize,
    ) -> Result<Option<GlobalPosition>, TestFailure> {
        let events = (0..events).map(|n| NewEvent::new(event_type, &n)).collect::<Result<Vec<_>, _>>()?;
        let append = Append::to(stream.parse()?, events).expecting(ExpectedVersion::Any);
        match self.ground.store.append(append).await {
            Ok(appended) => Ok(Some(appended.from_position)),
            Err(error) if error.is_connection_fault() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets a stream become sick by so many events, with a sound one behind them; tells whether they were parked in time.
    pub(super) async fn sicken(&self, stream: &str, events: usize) -> Result<bool, TestFailure> {
        if self.append(stream, SICKENED, events).await?.is_none() {
            return Ok(false);
        }
        while self.append(stream, NOTED, 1).await?.is_none() {
            sleep(Duration::from_millis(10)).await;
        }
        let parked = "select count(*) from annals.parked where stream_name = $1";
        let events = i64::try_from(events)?;
        self.in_time(parked, &[&stream], |parked| parked > events).await
    }

    pub(super) async fn cure(&self, stream: &str) -> TestResult {
        let cure = "insert into cured values ($1) on conflict do nothing";
        self.ground.query(cure, &[&stream]).await.map(drop)
    }

    /// Asks for a retry until it is answered; tells whether the key is free.
    pub(super) async fn retry(&self, stream: &str) -> Result<bool, TestFailure> {
        loop {
            match self.operator.retry(&consumer(), stream, "it was cured", ANSWER).await {
                Ok(()) | Err(OperateError::NothingParked(_)) => return Ok(true),
                Err(OperateError::StillParked { .. }) => return Ok(false),
                Err(error) => self.tolerate(error).await?,
            }
            self.let_slots_go_on().await?;
        }
    }

    /// Asks once that the first event of a key be discarded; who is to do that may be killed over it.
    pub(super) async fn discard(&self, stream: &str) -> TestResult {
        match self.operator.discard(&consumer(), stream, "it is incurable", ANSWER).await {
            Ok(()) | Err(OperateError::StillParked { .. } | OperateError::NothingParked(_)) => Ok(()),
            Err(error) => self.tolerate(error).await,
        }
    }

    /// Lets a slot stop before an event, and go on behind it; tells whether one has stopped in time.
    pub(super) async fn halt(&self, stream: &str) -> Result<bool, TestFailure> {
        if self.append(stream, HALTED, 1).await?.is_none() {
            return Ok(false);
        }
        let stopped = "select count(*) from annals.leases where stopped is not null";
        let begun = Instant::now();
        while self.ground.number(stopped, &[]).await? == 0 {
            if begun.elapsed() > PATIENCE {
                return Ok(false);
            }
            sleep(Duration::from_millis(10)).await;
        }
        self.let_slots_go_on().await?;
        Ok(true)
    }

    /// Asks that an event be skipped, unless that was asked before.
    async fn skip(&self, at: GlobalPosition) -> TestResult {
        loop {
            let asked = "select count(*) from annals.control where verb = 'skip' and position = $1";
            if self.ground.number(asked, &[&i64::from(at)]).await? > 0 {
                return Ok(());
            }
            match self.operator.skip(&consumer(), at, "it stops its slot").await {
                Ok(()) | Err(OperateError::Passed(_)) => return Ok(()),
                Err(error) => self.tolerate(error).await?,
            }
        }
    }

    async fn resume(&self) -> TestResult {
        loop {
            match self.operator.resume(&consumer(), "what stopped it is skipped").await {
                Ok(()) => return Ok(()),
                Err(error) => self.tolerate(error).await?,
            }
        }
    }

    /// Lets what comes of a lost server pass, and nothing else.
    async fn tolerate(&self, error: OperateError) -> TestResult {
        match error {
            OperateError::Unserved
            | OperateError::Database(_)
            | OperateError::Unavailable(_)
            | OperateError::Log(_)
            | OperateError::Leases(_) => {
                sleep(Duration::from_millis(20)).await;
                Ok(())
            }
            error => Err(error.into()),
        }
    }

    /// Lets slots go on that have stopped before an event which nobody has asked to be skipped.
    pub(super) async fn let_slots_go_on(&self) -> TestResult {
        let halted = "select e.position from annals.events as e where e.event_type = $1 and not exists (
                          select from annals.control as c where c.verb = 'skip' and c.position = e.position)";
        for row in self.ground.query(halted, &[&HALTED]).await? {
            self.skip(GlobalPosition::try_from(row.get::<_, i64>(0))?).await?;
        }
        let stopped = "select count(*) from annals.leases where stopped is not null";
        if self.ground.number(stopped, &[]).await? > 0 {
            self.resume().await?;
        }
        Ok(())
    }

    /// Waits for a number that will do, as [`Ground::until`] does; slots that stop meanwhile go on.
    async fn until(
        &self,
        what: &str,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        will_do: impl Fn(i64) -> bool,
    ) -> TestResult {
        if !self.in_time(sql, values, will_do).await? {
            return Err(what.into());
        }
        Ok(())
    }

    async fn in_time(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        will_do: impl Fn(i64) -> bool,
    ) -> Result<bool, TestFailure> {
        let begun = Instant::now();
        while !will_do(self.ground.number(sql, values).await?) {
            if begun.elapsed() > PATIENCE {
                return Ok(false);
            }
            self.let_slots_go_on().await?;
            sleep(Duration::from_millis(10)).await;
        }
        Ok(true)
    }

    /// Waits until every slot has come to the end of the log.
    pub(super) async fn caught_up(&self) -> TestResult {
        let end = self.ground.number("select max(position) from annals.events", &[]).await?;
        let there = "select count(*) from annals.checkpoints where position >= $1";
        self.until("slots are behind", there, &[&end], |there| there == i64::from(SLOTS)).await
    }

    /// Cures everything, skips whatever stops a slot, and waits until all is applied.
    pub(super) async fn bring_to_an_end(&self) -> TestResult {
        // Where no event is, a checkpoint has nothing to stand on.
        assert!(self.append("end-1", NOTED, 1).await?.is_some(), "nobody ends the server any more");
        self.let_slots_go_on().await?;
        let cure = "insert into cured select distinct s.stream_name from annals.events as e
                    join annals.streams as s using (stream_id) where event_type = $1 on conflict do nothing";
        self.ground.query(cure, &[&SICKENED]).await?;
        self.caught_up().await?;
        let parked = self.ground.query("select key from annals.parked", &[]).await?;
        let keys: HashSet<String> = parked.iter().map(|row| row.get(0)).collect();
        for key in keys {
            while !self.retry(&key).await? {}
        }
        let parked = "select count(*) from annals.parked";
        self.until("events are still parked", parked, &[], |parked| parked == 0).await?;
        let open = "select count(*) from annals.control where done_at is null";
        self.until("requests are still open", open, &[], |open| open == 0).await
    }
}
