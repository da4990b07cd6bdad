//! The pages of a runner: what those ask for who keep it running, over HTTP.
//!
//! ```text
//! /livez         its loops turn
//! /readyz        the databases answer, it works, its slots are not far behind
//! /metrics       in the text format of Prometheus
//! /projections   what `status --json` says
//! ```
//!
//! Guarantees
//! - they answer from before the runner has started until it has ended;
//! - requests and connections are limited in time and in number;
//! - nothing is changed by them, and no password is told.
//!
//! Leaves to others: who may ask. They listen on the loopback address unless told otherwise.

#[cfg(feature = "http")]
mod answer;
#[cfg(feature = "http")]
mod connections;
#[cfg(feature = "http")]
mod live;
#[cfg(not(feature = "http"))]
mod none;
#[cfg(feature = "http")]
mod place;
#[cfg(feature = "http")]
mod ready;
#[cfg(feature = "http")]
mod recorder;
#[cfg(feature = "http")]
mod served;
#[cfg(feature = "http")]
mod shown;

#[cfg(not(feature = "http"))]
pub(crate) use none::{Pages, PagesArgs};
#[cfg(feature = "http")]
pub(crate) use served::{Pages, PagesArgs};
