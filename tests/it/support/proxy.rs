//! A network between a store and its server that can go bad: it stops forwarding without closing anything,
//! holds new connections back, holds answers back, or swallows notifications as a pooler in transaction mode does.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use annals_devdb::TestFailure;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What a server says when a channel it listens to was notified.
const NOTIFICATION: u8 = b'A';
/// What a server says when it has done what it was asked.
const READY_FOR_QUERY: u8 = b'Z';

/// Forwards connections from a port of loopback to a database. Everything ends when it is dropped.
pub(crate) struct Proxy {
    url: String,
    network: watch::Sender<Network>,
    accepted: watch::Receiver<usize>,
    traffic: Arc<Traffic>,
    _tasks: JoinSet<()>,
}

/// What went over the network so far.
#[derive(Debug, Default)]
struct Traffic {
    /// What clients sent.
    asked_bytes: AtomicUsize,
    /// How often a server was ready again, whether its client learned it or not.
    ready: watch::Sender<usize>,
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
    /// Answers are not forwarded yet.
    is_mute: bool,
}

impl Proxy {
    /// Stands before the database of a connection string.
    pub(crate) async fn before(url: &str) -> Result<Self, TestFailure> {
        let server: Config = url.parse()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = url_through(&server, listener.local_addr()?);
        let (network, (count, accepted)) = (watch::Sender::default(), watch::channel(0));
        let traffic = Arc::<Traffic>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, network.subscribe(), traffic.clone(), count));
        Ok(Self { url, network, accepted, traffic, _tasks: tasks })
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

    /// Lets answers wait until they are released.
    pub(crate) fn mute(&self, is_mute: bool) {
        self.network.send_modify(|network| network.is_mute = is_mute);
    }

    /// Returns how often a server has been ready again.
    pub(crate) fn ready(&self) -> usize {
        *self.traffic.ready.borrow()
    }

    /// Waits until servers have been ready so often.
    pub(crate) async fn until_ready(&self, times: usize) -> Result<(), TestFailure> {
        self.traffic.ready.subscribe().wait_for(|ready| *ready >= times).await?;
        Ok(())
    }

    /// Returns how much clients have sent.
    pub(crate) fn asked_bytes(&self) -> usize {
        self.traffic.asked_bytes.load(Ordering::SeqCst)
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
    traffic: Arc<Traffic>,
    count: watch::Sender<usize>,
) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((client, _)) = listener.accept().await else { return };
        // Or small messages wait for each other; where it cannot be had they do.
        let _ = client.set_nodelay(true);
        let way = Way { network: network.clone(), traffic: traffic.clone(), number };
        connections.spawn(connect(client, server.clone(), way));
        count.send_replace(number + 1);
    }
}

/// What one connection has to do with.
struct Way {
    network: watch::Receiver<Network>,
    traffic: Arc<Traffic>,
    number: usize,
}

async fn connect(client: TcpStream, server: Config, mut way: Way) {
    let port = server.get_ports().first().copied().unwrap_or(5432);
    if way.network.wait_for(|network| !network.is_held).await.is_err() {
        return;
    }
    // Either side may break off at any time; then the connection ends, which is all there is to do.
    let _ = match server.get_hosts().first() {
        Some(Host::Unix(folder)) => {
            let socket = folder.join(format!(".s.PGSQL.{port}"));
            match UnixStream::connect(socket).await {
                Ok(server) => forward(client, server, way).await,
                Err(error) => Err(error),
            }
        }
        Some(Host::Tcp(host)) => match TcpStream::connect((host.as_str(), port)).await {
            Ok(server) => forward(client, server, way).await,
            Err(error) => Err(error),
        },
        None => Ok(()),
    };
}

async fn forward<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: TcpStream,
    server: S,
    Way { network, traffic, number }: Way,
) -> io::Result<()> {
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut from_client, mut to_client) = client.split();
    let asking = questions(&mut from_client, &mut to_server, &traffic);
    let answering = answers(&mut from_server, &mut to_client, &traffic, network.clone());
    let flow = async {
        tokio::select! {
            asked = asking => asked,
            answered = answering => answered,
        }
    };
    unless_stalled(flow, network, number).await
}

/// Forwards what the client says.
async fn questions(
    client: &mut (impl AsyncRead + Unpin),
    server: &mut (impl AsyncWrite + Unpin),
    traffic: &Traffic,
) -> io::Result<()> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = client.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        traffic.asked_bytes.fetch_add(read, Ordering::SeqCst);
        server.write_all(&bytes[..read]).await?;
    }
}

/// Forwards what the server says, message by message.
async fn answers(
    server: &mut (impl AsyncRead + Unpin),
    client: &mut (impl AsyncWrite + Unpin),
    traffic: &Traffic,
    mut network: watch::Receiver<Network>,
) -> io::Result<()> {
    let (hear, mut heard) = mpsc::unbounded_channel();
    let hearing = listen_to(server, traffic, hear);
    let telling = async {
        while let Some(message) = heard.recv().await {
            let is_free = network.wait_for(|network| !network.is_mute).await;
            let is_deaf = is_free.is_ok_and(|network| network.is_deaf);
            if !(message.first() == Some(&NOTIFICATION) && is_deaf) {
                client.write_all(&message).await?;
            }
        }
        Ok(())
    };
    tokio::try_join!(hearing, telling).map(drop)
}

/// Reads what the server says, whether it is told to the client or not.
async fn listen_to(
    server: &mut (impl AsyncRead + Unpin),
    traffic: &Traffic,
    hear: mpsc::UnboundedSender<Vec<u8>>,
) -> io::Result<()> {
    loop {
        let mut message = vec![0; 5];
        server.read_exact(&mut message).await?;
        let length = u32::from_be_bytes([message[1], message[2], message[3], message[4]]);
        message.resize(1 + length as usize, 0);
        server.read_exact(&mut message[5..]).await?;
        let is_ready = message[0] == READY_FOR_QUERY;
        if hear.send(message).is_err() {
            return Ok(());
        }
        if is_ready {
            traffic.ready.send_modify(|ready| *ready += 1);
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
        biased;
        () = stalled => {}
        ended = &mut flow => return ended,
    }
    std::future::pending().await
}
