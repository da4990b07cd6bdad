//! The connections that ask for pages: limited in number and in time, whatever whoever is at the other end does.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tracing::debug;

/// The most connections at once; others wait until one has ended.
const CONNECTIONS_MAX: usize = 64;

/// How long a connection may be silent before the next request, headers included.
const SILENT_FOR: Duration = Duration::from_secs(10);

/// How long a connection lasts; then it ends behind the answer at hand, which may take so long:
const LASTS_FOR: Duration = Duration::from_secs(300);
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Answers for ever.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&connections).acquire_owned().await.expect("nobody closes the semaphore");
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    answer(stream, router).await;
                    drop(permit);
                });
            }
            // Whoever came has left again, or the process has no file to spare: the next one may be luckier.
            Err(error) => {
                debug!(%error, "connection for a page could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, router: Router) {
    let service = router.map_request(|request: Request<Incoming>| request.map(Body::new));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(SILENT_FOR)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
    );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = sleep(LASTS_FOR) => {
            connection.as_mut().graceful_shutdown();
            timeout(ENDS_WITHIN, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection for a page ended early");
    }
}
