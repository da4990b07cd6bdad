//! What an SQL file may not hold.

use super::parameter::{InvalidParameter, Parameter};

/// Why the text of an SQL file is refused. Nothing of the projection is started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementFault {
    /// A literal, quoted name or comment is not closed.
    #[error("this {0} has no end")]
    Unended(&'static str),
    /// The character NUL, which PostgreSQL takes in no text.
    #[error("the character NUL stands here")]
    Nul,
    /// Something behind a colon that names no part of an event.
    #[error(transparent)]
    Parameter(#[from] InvalidParameter),
    /// A parameter directly behind a name or number, with which the server would read it as one word.
    #[error("write a space in front of {0}, or behind the colon of an array slice")]
    Glued(String),
    /// A parameter by number.
    #[error("{0} says nothing here: name what is wanted, such as :data.amount")]
    Positional(String),
    /// A parameter where the statement takes all events at once.
    #[error("{0} has no value in a set-based file: take it from the relation `events`")]
    ParameterInSet(Parameter),
    /// Nothing but blanks and comments.
    #[error("there is no statement in it")]
    Empty,
    /// A second statement.
    #[error("one statement is taken, and here begins another")]
    Several,
    /// A statement that ends or divides the transaction.
    #[error("`{0}` is refused: the transaction is that of the batch and its checkpoint")]
    TransactionControl(String),
    /// A statement that changes what tables there are.
    #[error("`{0}` is refused: tables are made in setup.sql, and changed under a new version")]
    Definition(String),
    /// A function that changes settings, of the transaction or of the session behind it.
    #[error("`set_config` is refused: search path and limits are those of the batch")]
    Setting,
    /// Any other statement that is not one on rows.
    #[error("`{0}` is refused: a handler begins with insert, update, delete, merge, select or with")]
    NotOnRows(String),
}
