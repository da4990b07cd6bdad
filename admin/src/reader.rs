//! Whoever reads standard output.

/// Waits until nobody reads standard output any more; for ever where that cannot be known.
///
/// Without it `annals events tail -f | head` would wait for one event more than it prints.
#[cfg(target_os = "linux")]
pub(crate) async fn reader_left() {
    use tokio::io::Interest;
    use tokio::net::unix::pipe;

    // Opened anew: what is set for this handle does not change the one that is written to. Only pipes are taken.
    let opened = pipe::OpenOptions::new().open_sender("/proc/self/fd/1");
    let Ok(pipe) = opened else { return std::future::pending().await };
    loop {
        match pipe.ready(Interest::ERROR).await {
            Ok(ready) if ready.is_error() || ready.is_write_closed() => return,
            Ok(_) => {}
            Err(_) => return std::future::pending().await,
        }
    }
}

/// Waits for ever: only Linux tells.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn reader_left() {
    std::future::pending().await
}
