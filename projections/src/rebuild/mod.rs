//! Rebuilds: a projection is filled anew in a schema beside its own, while the live one goes on, and then the two change
//! places.
//!
//! ```text
//! asked -> filling -> swapped -> done
//!    \        \-> failing -> failed           the old tables go on as if nothing had been
//!     \--------\-> cancelling -> cancelled
//! ```
//!
//! What fills is a consumer like any other, under a name that no projection may have, with slots, leases, checkpoints and
//! parked events of its own; so it is worked on by every runner that hosts the projection, and goes on after a crash. It
//! goes no further than the live slot of the same number, and it is told that it rebuilds.
//!
//! Guarantees
//! - the rows of a rebuild are the truth about it: whoever comes next does the next step, each step is one transaction;
//! - at the swap every slot stands exactly where the live one stands, so that no event is applied by both, or by none, as
//!   far as effects beyond the tables go;
//! - a batch under way at the swap fails, whichever side it is on; none is split over the two;
//! - readers by the old name see the old tables or the new ones, and the new ones show no less;
//! - nothing is dropped with cascade, and nothing that stands on the old tables is left behind: then the swap waits.
//!
//! Leaves to others: filling (the slot loop), who does the steps (the runner), asking for it (operators).

mod guard;
mod names;
mod refusal;
mod remove;
mod row;
mod schema;
mod set_up;
mod swap;
mod verify;
mod version;

pub(crate) use guard::{ShadowGuard, TouchesLive};
pub(crate) use names::{filler, fillers_of, is_reserved, metric_name};
pub(crate) use refusal::StepError;
pub(crate) use remove::{drop_replaced, remove};
pub(crate) use row::Rebuild;
pub use row::RebuildState;
pub(crate) use set_up::{MakesTables, set_up};
pub(crate) use swap::{cursors, is_near, swap};
pub(crate) use version::{Tables, build_beside, tables_in};
