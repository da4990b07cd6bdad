//! Statements that take all events of a batch as the relation `events`.

use super::rewrite::FaultAt;
use super::statement_fault::StatementFault;
use super::token::{Kind, Token};

/// The comment that declares it, which is the first of the file.
const DECLARATION: &str = "batch";

/// The relation, as one of a `with`.
const RELATION: &str = include_str!("events_relation.sql");

/// Tells whether a file declares that it takes all events at once: its first comment is `-- batch`.
pub(super) fn is_declared(tokens: &[Token<'_>]) -> bool {
    let first = tokens.iter().find(|token| token.kind != Kind::Space);
    first.is_some_and(|token| token.text.strip_prefix("--").is_some_and(|text| text.trim() == DECLARATION))
}

/// Returns the relation, and the byte in front of which it is written: behind the statement's own `with`, if there is
/// one, and else in front of it all.
pub(super) fn relation(tokens: &[Token<'_>]) -> (usize, String) {
    let mut significant = tokens.iter().filter(|token| token.is_significant());
    let begins = |token: Option<&Token<'_>>| token.map_or(0, |token| token.at);
    // Only what it says to the server: a statement's log should not begin with our header.
    let said: Vec<&str> = RELATION.lines().filter(|line| !line.starts_with("--")).map(str::trim).collect();
    let said = said.join(" ");
    let Some(with) = significant.next().filter(|first| first.is_word("with")) else {
        let first = tokens.iter().find(|token| token.is_significant());
        return (begins(first), format!("with {said} "));
    };
    let mut next = significant.next();
    let is_recursive = next.is_some_and(|token| token.is_word("recursive"));
    if is_recursive {
        next = significant.next();
    }
    (next.map_or(with.at + with.text.len(), |token| token.at), format!("{said}, "))
}

/// Returns the parameters it names, which have no value for all events.
pub(super) fn faults(tokens: &[Token<'_>]) -> Vec<FaultAt> {
    let named = tokens.iter().filter(|token| token.kind == Kind::Parameter);
    let fault = |token: &Token<'_>| match token.text.parse() {
        Ok(parameter) => StatementFault::ParameterInSet(parameter),
        Err(invalid) => StatementFault::Parameter(invalid),
    };
    named.map(|token| (token.at, fault(token))).collect()
}
