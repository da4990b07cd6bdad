//! Durable process managers (sagas): steps and compensations, timers, outgoing commands.
//!
//! Empty so far, on purpose: sagas stand on the projection slots and on idempotent commands, and arrive
//! once those are whole. Nothing here pretends to work before it does.
