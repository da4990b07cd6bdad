//! Projections that are written in SQL alone: a folder of files, one for each event type.

mod apply;
mod apply_error;
mod event_key;
mod events_relation;
mod fault;
mod filled_by;
mod fingerprint;
mod folder;
mod folders;
mod json_field;
mod manifest;
mod manifest_value;
mod number;
mod parameter;
mod parameter_value;
mod place;
mod prepare;
mod projection;
mod rewrite;
mod rules;
mod session;
mod set_based;
mod set_up;
#[cfg(test)]
mod soup;
mod sql_handlers;
mod statement;
mod statement_fault;
mod time;
mod token;
mod value;
mod value_error;

pub use apply_error::{ApplyError, EventRange};
pub use event_key::{EventKey, InvalidEventKey};
pub use fault::{Fault, FaultReason, FolderError, ManifestFault};
pub use fingerprint::FolderFingerprint;
pub use manifest_value::ErrorPolicy;
pub use parameter::{InvalidParameter, Parameter};
pub use place::Place;
pub use prepare::PrepareError;
pub use projection::SqlProjection;
pub use sql_handlers::{STATEMENT_TIMEOUT_DEFAULT, SqlHandlers};
pub use statement_fault::StatementFault;
pub use value_error::ValueError;
