//! The fail points of runners; see [`annals_eventstore::failpoint`]. Empty unless its feature is on.

pub mod rebuild;

#[allow(unused_imports, unreachable_pub, reason = "there are none without the feature")]
pub use rebuild::*;

annals_eventstore::fail_points!(
    /// A batch is to be tried, and nothing was written.
    parking_before_savepoint,
    /// The handler has written, and nobody knows whether it passed a failed statement over.
    parking_before_release,
    /// The handler has failed, and what it wrote is still there.
    parking_before_rollback,
    /// What it wrote is gone, and it is not tried again yet.
    parking_after_rollback,
    /// Some events were applied, and those that cannot be are not parked.
    parking_before_park,
    /// They are parked, and the checkpoint stands before them.
    parking_after_park,
    /// An event that is to be skipped was met.
    parking_before_skip,
    /// It is noted as skipped, and the rest of its batch was not applied.
    parking_after_skip,
    /// Nobody has looked yet what is asked for.
    retry_before_request,
    /// An event is to be discarded, and is still parked.
    retry_before_discard,
    /// It is parked no more, and the audit does not say so.
    retry_after_discard,
    /// A parked event is to be applied.
    retry_before_attempt,
    /// It was applied, and is still parked.
    retry_before_unpark,
    /// It could not be applied, and that is not noted.
    retry_before_failed_again,
    /// What was to be discarded is, and the request asks for it still.
    retry_before_becoming,
    /// Everything was done, and the request is open.
    retry_before_done,
    /// The request is closed, and the audit does not say so.
    retry_before_audit,
    /// A runner has not said that it is alive.
    heart_before_enter,
    /// It has, and its leases are not renewed.
    heart_before_renewal,
    /// They are, and it knows it.
    heart_after_renewal,
    /// A runner is about to look at slots and runners.
    coordinator_before_look,
    /// A slot is taken, and nobody works on it.
    coordinator_after_take,
    /// A slot has ended, and its lease is held.
    give_back_before_release,
    /// Its lease is given back, and nobody was woken.
    give_back_before_wake,
    /// The others know.
    give_back_after_wake,
    /// A runner that leaves counts as alive.
    leave_before_removal,
    /// It does not, and nobody was woken.
    leave_before_wake,
    /// The others know.
    leave_after_wake,
);
