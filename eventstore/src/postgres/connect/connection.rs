//! An open connection: the client to ask through, and the connection that somebody has to drive.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_postgres::error::DbError;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, NoTls, Socket};
use tracing::{debug, warn};

type Over<T> = tokio_postgres::Connection<Socket, <T as MakeTlsConnect<Socket>>::Stream>;

/// A fresh connection. Nothing moves before [`Connected::connection`] is driven.
#[derive(Debug)]
pub struct Connected {
    /// Asks the server.
    pub client: Client,
    /// Carries what the client asks, and what the server says unasked.
    pub connection: Connection,
}

/// The side of a connection that does the reading and writing, over whatever stream it has.
///
/// Drive it in a task of its own: with [`Connection::drive`] where only the client's answers matter, else by
/// [`Connection::next_message`] or [`Connection::poll_message`]. It ends when the client is dropped or the
/// server goes away.
pub struct Connection(Stream);

impl Connected {
    /// Drives the connection in a task of its own and returns the client; the task ends with it.
    pub fn into_client(self) -> Client {
        tokio::spawn(self.connection.drive());
        self.client
    }
}

enum Stream {
    Plain(Box<Over<NoTls>>),
    #[cfg(feature = "tls")]
    Tls(Box<Over<tokio_postgres_rustls::MakeRustlsConnect>>),
}

impl Connection {
    pub(super) fn plain(connection: Over<NoTls>) -> Self {
        Self(Stream::Plain(Box::new(connection)))
    }

    #[cfg(feature = "tls")]
    pub(super) fn tls(connection: Over<tokio_postgres_rustls::MakeRustlsConnect>) -> Self {
        Self(Stream::Tls(Box::new(connection)))
    }

    /// Drives the connection up to the next message that the server sends unasked.
    ///
    /// `None` and an error are the end: do not ask again.
    pub fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>> {
        match &mut self.0 {
            Stream::Plain(connection) => connection.poll_message(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(connection) => connection.poll_message(cx),
        }
    }

    /// As [`Connection::poll_message`], to be awaited. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub async fn next_message(&mut self) -> Option<Result<AsyncMessage, tokio_postgres::Error>> {
        std::future::poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Returns what the server reported of a setting when the session began, or since.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        match &self.0 {
            Stream::Plain(connection) => connection.parameter(name),
            #[cfg(feature = "tls")]
            Stream::Tls(connection) => connection.parameter(name),
        }
    }

    /// Drives the connection to its end. The server's notices go to the log; notifications are dropped.
    pub async fn drive(mut self) {
        while let Some(message) = self.next_message().await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => log_notice(&notice),
                Ok(_) => {}
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "connection to PostgreSQL is lost");
                    return;
                }
            }
        }
    }

    /// Drives the connection until the question is answered.
    pub(super) async fn alongside<T>(
        &mut self,
        question: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, tokio_postgres::Error> {
        let mut question = std::pin::pin!(question);
        let mut ended = false;
        std::future::poll_fn(|cx| {
            while !ended {
                match self.poll_message(cx) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    // The question learns by itself that the connection is closed.
                    Poll::Ready(None) => ended = true,
                    Poll::Pending => break,
                }
            }
            question.as_mut().poll(cx)
        })
        .await
    }
}

/// A warning may say that a commit is not what it seems (a synchronous standby was not waited for).
fn log_notice(notice: &DbError) {
    if matches!(notice.severity(), "WARNING") {
        warn!(sqlstate = notice.code().code(), message = notice.message(), "PostgreSQL warns");
    } else {
        debug!(sqlstate = notice.code().code(), message = notice.message(), "PostgreSQL remarks");
    }
}

/// Drives the connection to its end; notices and notifications are dropped.
impl Future for Connection {
    type Output = Result<(), tokio_postgres::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::task::ready!(self.poll_message(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}
