//! How far a connection attempt came before it failed, which the driver's errors do not tell.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

/// `dialling -> reached [-> handshaking -> encrypted]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// No socket is open.
    Dialling,
    /// The socket is open.
    Reached,
    /// The server is ready for TLS and the handshake runs.
    Handshaking,
    /// The stream is encrypted.
    Encrypted,
}

/// The stage of one attempt, as [`Observed`] saw it.
#[derive(Clone)]
pub(super) struct Progress(Arc<AtomicU8>);

impl Progress {
    pub(super) fn begin() -> Self {
        Self(Arc::new(AtomicU8::new(Stage::Dialling as u8)))
    }

    pub(super) fn stage(&self) -> Stage {
        let stages = [Stage::Dialling, Stage::Reached, Stage::Handshaking, Stage::Encrypted];
        stages[usize::from(self.0.load(Ordering::Relaxed))]
    }

    fn reach(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }
}

/// A TLS connector that notes how far it came.
pub(super) struct Observed<T> {
    pub(super) tls: T,
    pub(super) progress: Progress,
}

impl<T> MakeTlsConnect<Socket> for Observed<T>
where
    T: MakeTlsConnect<Socket>,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send + 'static,
{
    type Stream = T::Stream;
    type TlsConnect = Observed<T::TlsConnect>;
    type Error = T::Error;

    /// Called when the socket is open.
    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        self.progress.reach(Stage::Reached);
        Ok(Observed { tls: self.tls.make_tls_connect(host)?, progress: self.progress.clone() })
    }
}

impl<T> TlsConnect<Socket> for Observed<T>
where
    T: TlsConnect<Socket>,
    T::Future: Send + 'static,
{
    type Stream = T::Stream;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<T::Stream, T::Error>> + Send>>;

    /// Called when the server has agreed to TLS.
    fn connect(self, socket: Socket) -> Self::Future {
        self.progress.reach(Stage::Handshaking);
        let handshake = self.tls.connect(socket);
        Box::pin(async move {
            let stream = handshake.await?;
            self.progress.reach(Stage::Encrypted);
            Ok(stream)
        })
    }
}
