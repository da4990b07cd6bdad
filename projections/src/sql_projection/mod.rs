//! Projections that are written in SQL alone: a folder of files, one for each event type.

mod parameter;
mod place;
mod rewrite;
mod rules;
mod set_based;
#[cfg(test)]
mod soup;
mod statement;
mod statement_fault;
mod token;

pub use parameter::{InvalidParameter, Parameter};
pub use place::Place;
pub use statement_fault::StatementFault;
