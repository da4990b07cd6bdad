//! A process of its own that follows the log and listens to a channel, and says what arrived when.
//!
//! It is this same program, started with `--follow URL`. Both processes read the machine's clock.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use annals::eventstore::{EventFilter, PostgresStore, StartAt, Tailer};
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio_postgres::{AsyncMessage, NoTls};

use crate::Outcome;

/// The channel of the bare NOTIFY.
pub(crate) const CHANNEL: &str = "bench_floor";

/// What starts this program as the follower.
pub(crate) const FOLLOW: &str = "--follow";

/// What takes longer than this has been lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the machine's time in microseconds.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_micros().try_into().unwrap_or(u64::MAX)
}

/// The other process, seen from this one.
#[derive(Debug)]
pub(crate) struct Follower {
    child: Child,
    arrivals: Lines<BufReader<ChildStdout>>,
}

impl Follower {
    /// Starts it; returns when it follows and listens.
    pub(crate) async fn start(url: &str) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([FOLLOW, url])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the follower has no output")?;
        let mut follower = Self { child, arrivals: BufReader::new(stdout).lines() };
        follower.arrival_of("ready").await?;
        Ok(follower)
    }

    /// Waits for an arrival; returns when it came, by the machine's clock.
    pub(crate) async fn arrival_of(&mut self, id: &str) -> Outcome<u64> {
        let line = tokio::time::timeout(PATIENCE, self.arrivals.next_line()).await;
        let line = line.map_err(|_| format!("{id} never arrived"))??.ok_or("the follower has ended")?;
        match line.split_once(' ') {
            Some((arrived, at)) if arrived == id => Ok(at.parse()?),
            _ => Err(format!("waiting for {id}, there came {line:?}").into()),
        }
    }

    /// Ends it.
    pub(crate) async fn stop(&mut self) -> Outcome {
        Ok(self.child.kill().await?)
    }
}

/// What the other process does until it is killed.
pub(crate) async fn follow(url: &str) -> Outcome {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    let mut notices = poll_fn(move |context| connection.poll_message(context));
    let listen = format!("listen {CHANNEL}");
    let listening = client.batch_execute(&listen);
    tokio::pin!(listening);
    loop {
        tokio::select! {
            listens = &mut listening => break listens?,
            _ = notices.next() => {}
        }
    }
    let store = PostgresStore::connect(url).await?;
    let mut events = Tailer::of(store).subscribe(StartAt::Now, EventFilter::all()).await?;
    println!("ready {}", now_us());
    loop {
        tokio::select! {
            page = events.next() => {
                let page = page?;
                let now = now_us();
                for event in page.events() {
                    println!("{} {now}", event.id);
                }
            }
            message = notices.next() => {
                if let Some(AsyncMessage::Notification(notice)) = message.transpose()? {
                    println!("{} {}", notice.payload(), now_us());
                }
            }
        }
    }
}
