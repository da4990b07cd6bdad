//! A pool of connections.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use super::dial::dial;
use super::options::ConnectOptions;

/// How large a pool is, and how patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// The most connections open at once; 16 unless told otherwise. Each costs the server some megabytes.
    pub max_size: usize,
    /// How long to wait for one to become free; 30 s unless told otherwise, `None` for ever.
    pub wait_timeout: Option<Duration>,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { max_size: 16, wait_timeout: Some(Duration::from_secs(30)) }
    }
}

/// Makes a pool; connections are opened when they are first asked for.
///
/// A failure to connect comes out of the pool as the driver's error; [`ConnectError::behind`](super::ConnectError::behind) finds the cause.
/// Notifications are not delivered through a pool: use [`super::connect`] for a listener.
#[expect(clippy::missing_panics_doc, reason = "the runtime that the timeout needs is given")]
pub fn pool(options: &ConnectOptions, size: PoolOptions) -> Pool {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let dialler = Dialler(options.clone());
    // What the manager keeps of the driver's configuration is not used, and so holds no password.
    let manager = Manager::from_connect(Config::new(), dialler, recycling);
    Pool::builder(manager)
        .max_size(size.max_size)
        .timeouts(Timeouts { wait: size.wait_timeout, create: None, recycle: None })
        .runtime(Runtime::Tokio1)
        .build()
        .expect("a runtime for the timeout is given")
}

struct Dialler(ConnectOptions);

type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>> + Send + 'a>>;

impl Connect for Dialler {
    fn connect(&self, _: &Config) -> Connecting<'_> {
        Box::pin(async {
            match dial(&self.0).await {
                Ok(connected) => Ok((connected.client, tokio::spawn(connected.connection.drive()))),
                Err(error) => Err(into_driver_error(std::io::Error::other(error)).await),
            }
        })
    }
}

/// The pool takes errors of the driver only, and only the driver makes them: of a stream that breaks.
pub(in crate::postgres) async fn into_driver_error(error: std::io::Error) -> tokio_postgres::Error {
    let mut config = Config::new();
    config.user("nobody").ssl_mode(SslMode::Disable);
    match config.connect_raw(BrokenStream(Some(error)), NoTls).await {
        Err(error) => error,
        Ok(_) => unreachable!("nothing can be written to the stream"),
    }
}

struct BrokenStream(Option<std::io::Error>);

impl BrokenStream {
    fn break_up<T>(&mut self) -> Poll<std::io::Result<T>> {
        let error = self.0.take();
        Poll::Ready(Err(error.unwrap_or_else(|| std::io::ErrorKind::BrokenPipe.into())))
    }
}

impl AsyncRead for BrokenStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.break_up()
    }
}

impl AsyncWrite for BrokenStream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<std::io::Result<usize>> {
        self.break_up()
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.break_up()
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.break_up()
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::{ConnectError, ConnectFault};
    use super::*;

    #[tokio::test]
    async fn why_a_pool_cannot_connect_can_be_found_out() {
        let options = ConnectOptions::parse("postgres://ann:secret@/shop?host=/no/such/directory").unwrap();

        let failed = pool(&options, PoolOptions::default()).get().await.expect_err("nobody is there");

        let deadpool_postgres::PoolError::Backend(driver) = failed else { panic!("{failed}") };
        let cause = ConnectError::behind(&driver).expect("the cause is kept");
        assert!(matches!(cause.fault, ConnectFault::Unreachable(_)), "{cause:?}");
        assert!(cause.is_transient());
        assert_eq!(
            cause.to_string(),
            "cannot connect to /no/such/directory/.s.PGSQL.5432: server cannot be reached"
        );
    }
}
