//! The command line as scripts see it: the built binary, its two outputs and its exit code.

mod append;
mod claim;
mod dev;
mod doctor;
mod pooler;
mod projection;
mod refusals;
mod repair;
mod retention;
mod schema;
mod show;
mod support;
mod tail;
