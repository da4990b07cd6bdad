//! One SQL file of an event type: checked, and as the server gets it.

use super::parameter::Parameter;
use super::rewrite::{FaultAt, Rewritten, rewrite};
use super::rules::handler_faults;
use super::set_based;
use super::statement_fault::StatementFault;
use super::token::{Token, tokens};

/// The statement of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    rewritten: Rewritten,
    is_set_based: bool,
}

impl Statement {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with its byte.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<FaultAt>> {
        let tokens = cut(text)?;
        let is_set_based = set_based::is_declared(&tokens);
        let relation = is_set_based.then(|| set_based::relation(&tokens));
        let mut faults = handler_faults(&tokens);
        if is_set_based {
            faults.extend(set_based::faults(&tokens));
        }
        let inserted = relation.as_ref().map(|(at, text)| (*at, text.as_str()));
        match rewrite(&tokens, inserted) {
            Ok(rewritten) if faults.is_empty() => return Ok(Self { rewritten, is_set_based }),
            Ok(_) => {}
            Err(more) => faults.extend(more),
        }
        faults.sort_by_key(|(at, _)| *at);
        faults.dedup();
        Err(faults)
    }

    /// Returns the text for the server.
    pub(super) fn sql(&self) -> &str {
        &self.rewritten.sql
    }

    /// Returns what `$1`, `$2`, … stand for; nothing for a set-based statement.
    pub(super) fn parameters(&self) -> &[Parameter] {
        &self.rewritten.parameters
    }

    /// Tells whether it takes all events at once.
    pub(super) fn is_set_based(&self) -> bool {
        self.is_set_based
    }

    /// Returns the byte of the file that a character of the server's text came from.
    pub(super) fn origin(&self, character: usize) -> usize {
        self.rewritten.origin(character)
    }
}

/// Cuts a text into tokens.
///
/// # Errors
///
/// The token without an end, or the first NUL.
pub(super) fn cut(text: &str) -> Result<Vec<Token<'_>>, Vec<FaultAt>> {
    if let Some(at) = text.find('\0') {
        return Err(vec![(at, StatementFault::Nul)]);
    }
    tokens(text).map_err(|unended| vec![(unended.at, StatementFault::Unended(unended.what))])
}

#[cfg(test)]
mod tests;
