//! The cases, by what they are about. The doc line of each is its promise in full; [`CASES`] has the table.
//!
//! [`CASES`]: crate::conformance::CASES
#![expect(clippy::missing_errors_doc, reason = "every case fails for the one reason its name tells")]

mod append;
mod append_many;
mod bystanders;
mod concurrency;
mod consumer;
mod cursor;
mod decisions;
mod deletion;
mod expectation;
mod filtered;
mod idempotency;
mod immutability;
mod log;
mod order;
mod payload;
mod read;
mod scrub;
mod snapshot;
mod streams;
mod subscription;
mod versions;
mod visibility;

pub use append::*;
pub use append_many::*;
pub use bystanders::*;
pub use concurrency::*;
pub use consumer::*;
pub use cursor::*;
pub use decisions::*;
pub use deletion::*;
pub use expectation::*;
pub use filtered::*;
pub use idempotency::*;
pub use immutability::*;
pub use log::*;
pub use order::*;
pub use payload::*;
pub use read::*;
pub use scrub::*;
pub use snapshot::*;
pub use streams::*;
pub use subscription::*;
pub use versions::*;
pub use visibility::*;
