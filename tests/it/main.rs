//! The integration tests: a file per promise, a database per test.

mod conformance_memory;
mod conformance_postgres;
mod connect;
mod support;
