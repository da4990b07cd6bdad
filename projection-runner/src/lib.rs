//! The pages of a runner: what those ask for who keep it running, over HTTP.
//!
//! ```text
//! /livez         its loops turn
//! /readyz        the databases answer, it works, its slots are not far behind
//! /metrics       in the text format of Prometheus
//! /projections   what `status --json` says
//! ```
//!
//! A program has them by [`Application::pages`](annals_runner::Application::pages); the binary `projection-runner`, which
//! hosts projections in SQL alone, has them too.
//!
//! Guarantees
//! - they answer from before the runner has started until it has ended;
//! - requests and connections are limited in time and in number;
//! - nothing is changed by them, and no password is told.
//!
//! Leaves to others: who may ask. They listen on the loopback address unless told otherwise.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

mod answer;
mod connections;
mod live;
mod pages;
mod place;
mod ready;
mod recorder;
mod shown;

pub use pages::Pages;
