//! What the log tells about itself is a contract: `docs/telemetry.md` lists it, and real operations emit it.

mod gauges;
mod held_back;
mod messages;
mod metrics;
mod page;
mod recorded;
mod spans;
