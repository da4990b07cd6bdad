//! What is measured, and against what.

pub(crate) mod append;
pub(crate) mod command;
pub(crate) mod live;
mod populate;
pub(crate) mod read;
mod read_log;
mod read_stream;
mod rows;
