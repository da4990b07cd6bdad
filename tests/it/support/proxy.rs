//! A network between a store and its server that can go bad: it stops forwarding without closing anything,
//! holds new connections back, or swallows notifications as a pooler in transaction mode does.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use annals_devdb::TestFailure;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What a server says when a channel it listens to was notified.
const NOTIFICATION: u8 = b'A';

/// Forwards connections from a port of loopback to a database. Everything ends when it is dropped.
pub(crate) struct Proxy {
    url: String,
    network: watch::Sender<Network>,
    accepted: watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

/// How the network is.
#[derive(Debug, Clone, Copy, Default)]
struct Network {
    /// Connections before this one (counted from 0) are not forwarded any more.
    stalled_before: usize,
    /// New connections are accepted and not forwarded yet.
    is_held: bool,
    /// Notifications are not forwarded.
    is_deaf: bool,
}

impl Proxy {
    /// Stands before the database of a connection string.
    pub(crate) async fn before(url: &str) -> Result<Self, TestFailure> {
        let server: Config = url.parse()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = url_through(&server, listener.local_addr()?);
        let (network, (count, accepted)) = (watch::Sender::default(), watch::channel(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, network.subscribe(), count));
        Ok(Self { url, network, accepted, _tasks: tasks })
    }

    /// Returns the connection string through the proxy.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops forwarding what is connected now, without closing anything; later connections are well.
    pub(crate) fn stall(&self) {
        let stalled_before = self.connections();
        self.network.send_modify(|network| network.stalled_before = stalled_before);
    }

    /// Lets new connections wait until they are released.
    pub(crate) fn hold(&self, is_held: bool) {
        self.network.send_modify(|network| network.is_held = is_held);
    }

    /// Swallows notifications from now on.
    pub(crate) fn swallow_notifications(&self) {
        self.network.send_modify(|network| network.is_deaf = true);
    }

    /// Returns how many connections were accepted so far.
    pub(crate) fn connections(&self) -> usize {
        *self.accepted.borrow()
    }

    /// Waits until so many connections were accepted.
    pub(crate) async fn accepted(&self, connections: usize) -> Result<(), TestFailure> {
        self.accepted.clone().wait_for(|accepted| *accepted >= connections).await?;
        Ok(())
    }
}

/// Says that nothing is encrypted: messages are read on their way.
fn url_through(server: &Config, proxy: SocketAddr) -> String {
    let user = server.get_user().unwrap_or("postgres");
    let password = server.get_password().map(|password| format!(":{}", String::from_utf8_lossy(password)));
    let database = server.get_dbname().unwrap_or(user);
    format!("postgres://{user}{}@{proxy}/{database}?sslmode=disable", password.unwrap_or_default())
}

async fn accept(
    listener: TcpListener,
    server: Config,
    network: watch::Receiver<Network>,
    count: watch::Sender<usize>,
) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((client, _)) = listener.accept().await else { return };
        connections.spawn(connect(client, server.clone(), network.clone(), number));
        count.send_replace(number + 1);
    }
}

async fn connect(client: TcpStream, server: Config, mut network: watch::Receiver<Network>, number: usize) {
    let port = server.get_ports().first().copied().unwrap_or(5432);
    if network.wait_for(|network| !network.is_held).await.is_err() {
        return;
    }
    // Either side may break off at any time; then the connection ends, which is all there is to do.
    let _ = match server.get_hosts().first() {
        Some(Host::Unix(folder)) => {
            let socket = folder.join(format!(".s.PGSQL.{port}"));
            match UnixStream::connect(socket).await {
                Ok(server) => forward(client, server, network, number).await,
                Err(error) => Err(error),
            }
        }
        Some(Host::Tcp(host)) => match TcpStream::connect((host.as_str(), port)).await {
            Ok(server) => forward(client, server, network, number).await,
            Err(error) => Err(error),
        },
        None => Ok(()),
    };
}

async fn forward<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: TcpStream,
    server: S,
    network: watch::Receiver<Network>,
    number: usize,
) -> io::Result<()> {
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut from_client, mut to_client) = client.split();
    let asking = tokio::io::copy(&mut from_client, &mut to_server);
    let answering = answers(&mut from_server, &mut to_client, network.clone());
    let flow = async {
        tokio::select! {
            asked = asking => asked.map(drop),
            answered = answering => answered,
        }
    };
    unless_stalled(flow, network, number).await
}

/// Forwards what the server says, message by message.
async fn answers(
    server: &mut (impl AsyncRead + Unpin),
    client: &mut (impl AsyncWrite + Unpin),
    network: watch::Receiver<Network>,
) -> io::Result<()> {
    let mut message = Vec::new();
    loop {
        let mut head = [0; 5];
        server.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        message.clear();
        message.extend_from_slice(&head);
        message.resize(1 + length as usize, 0);
        server.read_exact(&mut message[5..]).await?;
        if !(head[0] == NOTIFICATION && network.borrow().is_deaf) {
            client.write_all(&message).await?;
        }
    }
}

/// Lets a connection flow until it is stalled; then nothing moves, and nothing closes.
async fn unless_stalled(
    flow: impl Future<Output = io::Result<()>>,
    mut network: watch::Receiver<Network>,
    number: usize,
) -> io::Result<()> {
    // Kept, not dropped: what it holds stays open.
    let mut flow = std::pin::pin!(flow);
    let stalled = async {
        let _ = network.wait_for(|network| network.stalled_before > number).await.map(drop);
    };
    tokio::select! {
        ended = &mut flow => return ended,
        () = stalled => {}
    }
    std::future::pending().await
}
