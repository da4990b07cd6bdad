//! What is measured, and against what.

pub(crate) mod append;
mod populate;
pub(crate) mod read;
mod read_log;
mod read_stream;
