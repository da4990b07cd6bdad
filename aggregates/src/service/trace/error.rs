//! Which errors are told in a span.

/// An error of which some are failures: those are told in traces. What the domain says to somebody is not.
pub trait TellsFailure {
    /// Returns what failed, with its causes; nothing where the domain said no.
    fn failure(&self) -> Option<String>;
}
