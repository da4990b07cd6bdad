//! Named parameters become numbered ones, and the way back from the server's text to the file's.
//!
//! Guarantees: nothing but parameters is changed, each distinct one has one number, and every place in the rewritten
//! text leads to its origin.

use super::parameter::Parameter;
use super::statement_fault::StatementFault;
use super::token::{Kind, Token, continues_name};

/// A fault and the byte it was found at.
pub(super) type FaultAt = (usize, StatementFault);

/// An SQL text as the server gets it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) sql: String,
    /// `$1`, `$2`, …
    pub(super) parameters: Vec<Parameter>,
    pieces: Vec<Piece>,
}

/// A stretch of the rewritten text, and the bytes of the file it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    begins: usize,
    origin: usize,
    length: usize,
}

impl Rewritten {
    /// Adds text that came from a stretch of the file.
    fn push(&mut self, text: &str, origin: usize, length: usize) {
        self.pieces.push(Piece { begins: self.sql.len(), origin, length });
        self.sql.push_str(text);
    }

    fn push_parameter(&mut self, parameter: Parameter, token: &Token<'_>) {
        let known = self.parameters.iter().position(|known| *known == parameter);
        let number = known.unwrap_or_else(|| {
            self.parameters.push(parameter);
            self.parameters.len() - 1
        });
        self.push(&format!("${}", number + 1), token.at, token.text.len());
    }

    /// Returns the byte of the file that a character of the rewritten text came from; the server counts them from 1.
    pub(super) fn origin(&self, character: usize) -> usize {
        let nth = self.sql.char_indices().nth(character.saturating_sub(1));
        let at = nth.map_or(self.sql.len(), |(at, _)| at);
        let behind = self.pieces.partition_point(|piece| piece.begins <= at);
        let piece = behind.checked_sub(1).and_then(|last| self.pieces.get(last));
        piece.map_or(0, |piece| piece.origin + (at - piece.begins).min(piece.length))
    }
}

/// Rewrites an SQL text; `inserted` stands in front of the token that begins at its byte.
///
/// # Errors
///
/// Every parameter that is none.
pub(super) fn rewrite(
    tokens: &[Token<'_>],
    inserted: Option<(usize, &str)>,
) -> Result<Rewritten, Vec<FaultAt>> {
    let (mut rewritten, mut faults) = (Rewritten::default(), Vec::new());
    let mut before: Option<&Token<'_>> = None;
    for token in tokens {
        if let Some((_, text)) = inserted.filter(|(at, _)| *at == token.at) {
            rewritten.push(text, token.at, 0);
        }
        match token.kind {
            _ if before.is_some_and(|before| is_glued(before, token)) => {
                faults.push((token.at, StatementFault::Glued(token.text.to_owned())));
            }
            Kind::Parameter => match token.text.parse() {
                Ok(parameter) => rewritten.push_parameter(parameter, token),
                Err(invalid) => faults.push((token.at, StatementFault::Parameter(invalid))),
            },
            Kind::Positional => faults.push((token.at, StatementFault::Positional(token.text.to_owned()))),
            _ => rewritten.push(token.text, token.at, token.text.len()),
        }
        before = Some(token);
    }
    if faults.is_empty() { Ok(rewritten) } else { Err(faults) }
}

/// Tells whether a parameter and its neighbour would be read as one word, once the parameter is a number.
fn is_glued(before: &Token<'_>, token: &Token<'_>) -> bool {
    let ends = || before.text.bytes().last().is_some_and(continues_name);
    let goes_on = || token.text.bytes().next().is_some_and(continues_name);
    match (before.kind, token.kind) {
        (_, Kind::Parameter) => ends(),
        (Kind::Parameter, _) => goes_on(),
        _ => false,
    }
}
