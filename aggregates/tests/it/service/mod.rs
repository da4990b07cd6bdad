//! The promises of the command service, layer by layer and all together.

mod breaker;
mod deadline;
mod drain;
mod idempotency;
mod options;
mod order;
mod recorded;
mod shed;
mod stub;
mod tell;
