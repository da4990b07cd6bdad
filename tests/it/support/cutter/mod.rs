//! A proxy that knows PostgreSQL's messages and cuts a connection at a chosen one.
//!
//! Only statements with parameters are counted and cut: those that a client binds and executes. Whether the
//! server has committed at a cut is known and not a matter of luck.

mod message;
mod relay;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use annals_devdb::TestFailure;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The client's Execute does not reach the server.
    BeforeExecute,
    /// Execute reaches the server, Sync does not: the statement runs and is rolled back.
    BeforeSync,
    /// The server has committed; nothing of its answer reaches the client.
    BeforeDataRow,
    /// The server has committed; the client has the row and not the `CommandComplete`.
    BeforeCommandComplete,
    /// The server has committed; the client has the row and `CommandComplete`, not `ReadyForQuery`.
    BeforeReadyForQuery,
    /// All was sent, nothing answered: the connection is cut by [`Cutter::cut_now`].
    WhenTold,
}

impl Cut {
    /// The cuts that need no telling.
    pub(crate) const ALL: [Self; 5] = [
        Self::BeforeExecute,
        Self::BeforeSync,
        Self::BeforeDataRow,
        Self::BeforeCommandComplete,
        Self::BeforeReadyForQuery,
    ];

    /// True where the server has committed before the cut.
    pub(crate) fn is_after_commit(self) -> bool {
        matches!(self, Self::BeforeDataRow | Self::BeforeCommandComplete | Self::BeforeReadyForQuery)
    }
}

/// What the connections share.
#[derive(Debug, Default)]
struct Plan {
    /// What happens to the next statements, if anything; those beyond it pass.
    cuts: Mutex<VecDeque<Option<Cut>>>,
    /// How many statements a client wanted to execute.
    statements: watch::Sender<usize>,
    /// How often connections were to be cut at once.
    told: watch::Sender<usize>,
    /// Whether new connections wait.
    held: watch::Sender<bool>,
}

/// Forwards connections from a port of loopback to a database. Everything ends when it is dropped.
pub(crate) struct Cutter {
    url: String,
    plan: Arc<Plan>,
    tasks: JoinSet<()>,
}

impl Cutter {
    /// Stands before the database of a connection string.
    pub(crate) async fn before(url: &str) -> Result<Self, TestFailure> {
        let server: Config = url.parse()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = url_through(&server, listener.local_addr()?);
        let plan = Arc::<Plan>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, plan.clone()));
        Ok(Self { url, plan, tasks })
    }

    /// Returns the connection string through the proxy.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Cuts the connections of the next statements, one after the other.
    pub(crate) fn cut_next(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.plan.cuts.lock().expect("no panic holds the plan").extend(cuts.into_iter().map(Some));
    }

    /// Lets so many of the next statements pass, before those that are cut after this.
    pub(crate) fn let_pass(&self, statements: usize) {
        let mut cuts = self.plan.cuts.lock().expect("no panic holds the plan");
        cuts.extend(std::iter::repeat_n(None, statements));
    }

    /// Cuts nothing any more.
    pub(crate) fn heal(&self) {
        self.plan.cuts.lock().expect("no panic holds the plan").clear();
    }

    /// Cuts the connections that wait for it.
    pub(crate) fn cut_now(&self) {
        self.plan.told.send_modify(|told| *told += 1);
    }

    /// Lets new connections wait until they are released.
    pub(crate) fn hold(&self, held: bool) {
        self.plan.held.send_replace(held);
    }

    /// Returns how many statements clients wanted to execute so far.
    pub(crate) fn statements(&self) -> usize {
        *self.plan.statements.borrow()
    }

    /// Waits until clients wanted to execute so many statements.
    pub(crate) async fn until_statements(&self, count: usize) -> Result<(), TestFailure> {
        self.plan.statements.subscribe().wait_for(|statements| *statements >= count).await?;
        Ok(())
    }

    /// Breaks every connection, and lets none in any more.
    pub(crate) async fn go_away(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// Says that nothing is encrypted: messages are read on their way.
fn url_through(server: &Config, proxy: SocketAddr) -> String {
    let user = server.get_user().unwrap_or("postgres");
    let password = server.get_password().map(|password| format!(":{}", String::from_utf8_lossy(password)));
    let database = server.get_dbname().unwrap_or(user);
    format!("postgres://{user}{}@{proxy}/{database}?sslmode=disable", password.unwrap_or_default())
}

async fn accept(listener: TcpListener, server: Config, plan: Arc<Plan>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(connect(client, server.clone(), plan.clone()));
    }
}

async fn connect(client: TcpStream, server: Config, plan: Arc<Plan>) {
    if plan.held.subscribe().wait_for(|held| !held).await.is_err() {
        return;
    }
    let port = server.get_ports().first().copied().unwrap_or(5432);
    match server.get_hosts().first() {
        Some(Host::Unix(folder)) => {
            if let Ok(server) = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await {
                relay::until_cut(client, server, &plan).await;
            }
        }
        Some(Host::Tcp(host)) => {
            if let Ok(server) = TcpStream::connect((host.as_str(), port)).await {
                relay::until_cut(client, server, &plan).await;
            }
        }
        None => {}
    }
}
