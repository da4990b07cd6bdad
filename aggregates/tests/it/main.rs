//! The promises of the repository and the test kit, over the log in memory.

mod cache;
mod claim;
mod conflict;
mod fold;
mod handle;
mod handle_life;
mod idempotency;
mod jar;
mod outcome;
mod outcome_unknown;
mod replay;
mod scripted_store;
mod service;
mod snapshot;
mod test_kit;
mod together;
mod trace;
mod upcast;
