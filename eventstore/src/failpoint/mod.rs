//! Fail points: named gaps in which a test lets a process die, stand still, wait or fail.
//!
//! Guarantees
//! - without the feature `failpoints` there are none: [`fail_point!`](crate::fail_point) is nothing;
//! - with it, and with `ANNALS_FAILPOINTS` unset, each is a look at a static;
//! - what fires is written down before it does anything, so that it is known of a process that was killed.
//!
//! `ANNALS_FAILPOINTS="slot_after_commit=kill@17;heart_before_renewal=stop"` says what happens where: the name of a point,
//! an action, and at which hit it is done (at each of them where no number stands).
//!
//! | action | |
//! |---|---|
//! | `kill` | the process kills itself by SIGKILL |
//! | `stop` | it stops itself by SIGSTOP, until somebody sends SIGCONT |
//! | `error` | a fault that passes is returned, as if no connection could be had |
//! | `pause:FILE` | it waits until `FILE` was read to its end: a named pipe, until its writer has closed it |
//!
//! `ANNALS_FAILPOINTS_LOG` names the file to which a line is added for each that fires: milliseconds since 1970,
//! process, point, action, hit.

#[cfg(feature = "failpoints")]
mod action;
#[cfg(feature = "failpoints")]
mod armed;
mod macros;
#[cfg(feature = "failpoints")]
mod point;

#[cfg(feature = "failpoints")]
pub use armed::is_armed;
#[cfg(feature = "failpoints")]
pub use point::FailPoint;

crate::fail_points!(
    /// A slot has begun or failed, and does not know its checkpoint.
    slot_before_reload,
    /// It knows its checkpoint, and has read nothing.
    slot_after_reload,
    /// Events were read, and nothing was begun.
    slot_after_read,
    /// A batch has no transaction yet.
    slot_before_begin,
    /// It has one, and the handler has written nothing.
    slot_before_handler,
    /// The handler has failed, and the transaction was rolled back.
    slot_after_rollback,
    /// The handler has written, and the checkpoint stands where it stood.
    slot_before_checkpoint,
    /// The checkpoint was moved, and nothing is committed.
    slot_before_commit,
    /// The batch is committed, and the slot does not know it.
    slot_after_commit,
    /// Something is asked for, and no transaction was begun.
    errand_before_begin,
    /// There is a transaction, and the handler has done nothing.
    errand_before_handler,
    /// The handler has failed, and the transaction was rolled back.
    errand_after_rollback,
    /// The handler has done what it was asked for, and nobody knows whether the slot is still its owner's.
    errand_before_checkpoint,
    /// The slot is its owner's, and nothing is committed.
    errand_before_commit,
    /// What was asked for is done, and the slot does not know it.
    errand_after_commit,
    /// A slot is to be taken, and the row of its lease is not locked.
    take_before_lock,
    /// The row is locked, and the checkpoint is the owner's before.
    take_before_claim,
    /// The checkpoint has a new epoch, and the lease is not written.
    take_before_keep,
    /// Both are written, and nothing is committed.
    take_before_commit,
    /// The slot is taken, and whoever took it does not know it.
    take_after_commit,
    /// Leases are to be renewed or given back, and their rows are not locked.
    leases_before_lock,
    /// They are written, and nothing is committed.
    leases_before_commit,
    /// They are renewed or given back, and whoever asked for it does not know it.
    leases_after_commit,
    /// A slot cannot go on, and nobody was told.
    stop_before_begin,
    /// It is stopped, and nothing is committed.
    stop_before_commit,
    /// Nobody takes it from now on, and whoever stopped it does not know it.
    stop_after_commit,
);
