//! A session that goes from gate to gate, one step at a time.
//!
//! Guarantees: after each step it is known where the session is – at a gate, behind another session, or done.
//! The server says so; nothing is concluded from time.

use std::sync::Arc;
use std::time::Duration;

use annals_devdb::TestFailure;
use annals_eventstore::postgres::{Connected, Connection, connect};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Error, SimpleQueryMessage, SimpleQueryRow, Statement};

use super::gates::{GATES, Gate};

/// How long a session that nobody should stand in the way of may be on its way before it is asked about.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Idle,
    At(Gate),
    /// It waits for a lock of another session.
    Waiting,
}

/// The session that owns the gates and opens them, and one that asks who waits.
pub(super) struct GateKeeper {
    keeper: Client,
    watcher: Client,
    is_blocked: Statement,
    pid: i32,
}

impl GateKeeper {
    pub(super) async fn new(keeper: Client, watcher: Client) -> Result<Self, Error> {
        let pid = keeper.query_one("select pg_backend_pid()", &[]).await?.get(0);
        let is_blocked = watcher.prepare("select array_remove(pg_blocking_pids($1), $2) <> '{}'").await?;
        Ok(Self { keeper, watcher, is_blocked, pid })
    }

    async fn close(&self, locks: &[i32]) -> Result<(), Error> {
        self.keeper.batch_execute(&statements("pg_advisory_lock", locks)).await
    }

    async fn open(&self, lock: i32) -> Result<(), Error> {
        self.keeper.batch_execute(&statements("pg_advisory_unlock", &[lock])).await
    }

    /// Returns once the session waits for a session that is no gate keeper. Patience spares questions where
    /// nobody is expected to wait; it decides nothing.
    async fn until_blocked(&self, pid: i32, patience: Duration) -> Result<(), Error> {
        tokio::time::sleep(patience).await;
        while !self.watcher.query_one(&self.is_blocked, &[&pid, &self.pid]).await?.get::<_, bool>(0) {}
        Ok(())
    }
}

fn statements(function: &str, locks: &[i32]) -> String {
    locks.iter().map(|lock| format!("select {function}({GATES}, {lock});")).collect()
}

/// One session of a schedule.
pub(super) struct Session {
    client: Arc<Client>,
    pid: i32,
    number: i32,
    arrivals: UnboundedReceiver<Gate>,
    running: Option<JoinHandle<Result<Vec<SimpleQueryMessage>, Error>>>,
    opened: Vec<i32>,
    place: Place,
    answer: Vec<SimpleQueryRow>,
}

impl Session {
    pub(super) async fn open(url: &str, number: i32, gates: &GateKeeper) -> Result<Self, TestFailure> {
        let Connected { client, connection } = connect(&url.parse()?).await?;
        let (arrived, arrivals) = mpsc::unbounded_channel();
        tokio::spawn(report_arrivals(connection, arrived));
        let pid = client.query_one("select pg_backend_pid()", &[]).await?.get(0);
        client.batch_execute(&format!("set explorer.session = '{number}'")).await?;
        gates.close(&Gate::ALL.map(|gate| gate.lock_of(number))).await?;
        let client = Arc::new(client);
        let (running, opened, place, answer) = (None, Vec::new(), Place::Idle, Vec::new());
        Ok(Self { client, pid, number, arrivals, running, opened, place, answer })
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The rows of the statements that came to their end last.
    pub(super) fn answer(&self) -> &[SimpleQueryRow] {
        &self.answer
    }

    /// Runs statements that meet no gate.
    pub(super) async fn run(&self, statements: &str) -> Result<(), Error> {
        self.client.batch_execute(statements).await
    }

    /// Sends statements and follows them to their first stop, which may be behind another session.
    pub(super) async fn start(
        &mut self,
        gates: &GateKeeper,
        statements: String,
        may_wait: bool,
    ) -> Result<(), TestFailure> {
        if !self.opened.is_empty() {
            gates.close(&std::mem::take(&mut self.opened)).await?;
        }
        let client = Arc::clone(&self.client);
        self.running = Some(tokio::spawn(async move { client.simple_query(&statements).await }));
        self.until_it_stops(gates, may_wait).await
    }

    /// Opens the gate where the session stands and follows it to its next stop.
    pub(super) async fn go_on(&mut self, gates: &GateKeeper) -> Result<(), TestFailure> {
        let Place::At(gate) = self.place else { panic!("a session that is {:?} cannot go on", self.place) };
        let lock = gate.lock_of(self.number);
        self.opened.push(lock);
        gates.open(lock).await?;
        self.until_it_stops(gates, false).await
    }

    /// True when the session has waited for another one, and has come to a gate since.
    pub(super) fn goes_on(&mut self) -> bool {
        let arrived = if self.place == Place::Waiting { self.arrivals.try_recv().ok() } else { None };
        if let Some(gate) = arrived {
            self.place = Place::At(gate);
        }
        arrived.is_some()
    }

    /// Returns once the session has stopped, wherever it is then.
    async fn until_it_stops(&mut self, gates: &GateKeeper, may_wait: bool) -> Result<(), TestFailure> {
        let patience = if may_wait { Duration::ZERO } else { PATIENCE };
        let running = self.running.as_mut().expect("the session does something");
        self.place = tokio::select! {
            biased;
            Some(gate) = self.arrivals.recv() => Place::At(gate),
            answer = running => {
                self.running = None;
                self.answer = rows(answer??);
                Place::Idle
            }
            blocked = gates.until_blocked(self.pid, patience) => {
                blocked?;
                Place::Waiting
            }
        };
        Ok(())
    }
}

fn rows(messages: Vec<SimpleQueryMessage>) -> Vec<SimpleQueryRow> {
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}

async fn report_arrivals(mut connection: Connection, arrived: UnboundedSender<Gate>) {
    while let Some(Ok(message)) = connection.next_message().await {
        let AsyncMessage::Notice(notice) = message else { continue };
        if let Some(gate) = Gate::from_notice(notice.message()) {
            // Nobody listens any more when the test is over.
            let _ = arrived.send(gate);
        }
    }
}
