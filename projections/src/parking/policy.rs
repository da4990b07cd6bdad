//! What becomes of an event that cannot be applied.

/// What becomes of an event that cannot be applied. Faults that pass by themselves – the database restarts, a deadlock –
/// are no matter of this: they are waited for, with growing pauses, for as long as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoisonPolicy {
    /// How often it is tried again at once, when it has failed alone; 0 by default.
    pub retries: u32,
    /// What follows; [`Poisoned::Park`] by default.
    pub then: Poisoned,
    /// The most keys of one slot that may be blocked; 100 by default. One more stops the slot.
    pub keys_max: usize,
    /// The most parked events of one slot; 10 000 by default. One more stops the slot.
    pub events_max: usize,
}

/// What follows when an event cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poisoned {
    /// It is parked together with all later events of its key; the others go on.
    Park,
    /// It is passed over, and written into the audit.
    Skip,
    /// The slot stops before it, until somebody resumes the projection.
    Stop,
}

impl Default for PoisonPolicy {
    fn default() -> Self {
        Self { retries: 0, then: Poisoned::Park, keys_max: 100, events_max: 10_000 }
    }
}
