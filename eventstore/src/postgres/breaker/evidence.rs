//! What an answer says about the database of the read models.

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Evidence {
    /// The database has answered, whatever it said.
    Answered,
    /// It could not be reached.
    NotReached,
    /// Nothing: the question did not come so far.
    Nothing,
}

/// An error that tells what it says about the database.
pub(in crate::postgres) trait TellsEvidence {
    fn evidence(&self) -> Evidence;
}
