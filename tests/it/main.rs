//! The integration tests: a file per promise, a database per test.

mod architecture;
mod conformance_memory;
mod conformance_notices_broken_readers;
mod conformance_notices_broken_stores;
mod conformance_postgres;
mod connect;
mod fence;
mod migrations;
mod projection;
mod sql_api;
mod statements;
mod support;
mod wakeup;
