//! Handlers that panic.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use annals_eventstore::{HandlerError, HandlerFuture};
use futures_util::FutureExt;

/// A handler panicked.
#[derive(Debug, thiserror::Error)]
#[error("handler panicked: {0}")]
struct Panicked(String);

/// Runs a handler to its end; a panic is an error like any other. What it had begun in its transaction is for the caller
/// to roll back; what it keeps in memory it has to be able to do without, as after any other error.
pub(super) async fn caught(handled: HandlerFuture<'_>) -> Result<(), HandlerError> {
    match AssertUnwindSafe(handled).catch_unwind().await {
        Ok(ended) => ended,
        Err(panic) => Err(Panicked(message(&*panic)).into()),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it said nothing".to_owned())
}
