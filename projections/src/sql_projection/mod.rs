//! Projections that are written in SQL alone: a folder of files, one for each event type.

mod event_key;
mod fault;
mod fingerprint;
mod folder;
mod json_field;
mod manifest;
mod number;
mod parameter;
mod parameter_value;
mod place;
mod rewrite;
mod rules;
mod set_based;
#[cfg(test)]
mod soup;
mod statement;
mod statement_fault;
mod time;
mod token;
mod value;
mod value_error;

pub use event_key::{EventKey, InvalidEventKey};
pub use fault::{Fault, FaultReason, FolderError, ManifestFault};
pub use fingerprint::FolderFingerprint;
pub use folder::SqlProjection;
pub use manifest::ErrorPolicy;
pub use parameter::{InvalidParameter, Parameter};
pub use place::Place;
pub use statement_fault::StatementFault;
pub use value_error::ValueError;
