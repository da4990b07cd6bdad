//! The promises of the development server, each against servers in folders of the test's own.
//!
//! Tests that need several processes run this binary again, with one test and a variable that makes it act.

// Helpers of tests are tests, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod children;
mod client;
mod crash;
mod database_per_test;
mod database_url;
mod failing_start;
mod one_server;
mod private_server;
mod scratch;
mod status;
mod sweep;
mod users;
mod wheel;
