//! What statements a file may hold: one on rows for an event type, any but transaction control for the tables.

use super::rewrite::FaultAt;
use super::statement_fault::StatementFault;
use super::token::{Kind, Token};

/// What begins a statement on rows.
const ON_ROWS: &[&str] = &["insert", "update", "delete", "merge", "select", "with"];

/// What begins or ends a transaction, or divides it.
const TRANSACTION: &[&str] =
    &["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare"];

/// What changes tables and other objects.
const DEFINITIONS: &[&str] = &[
    "create", "alter", "drop", "truncate", "grant", "revoke", "comment", "reindex", "cluster", "refresh",
    "import", "security", "reassign",
];

/// Returns what is wrong with the file of an event type.
pub(super) fn handler_faults(tokens: &[Token<'_>]) -> Vec<FaultAt> {
    let statements = statements(tokens);
    let Some(first) = statements.first() else { return vec![(0, StatementFault::Empty)] };
    let mut faults: Vec<FaultAt> = beginning_fault(first[0]).into_iter().collect();
    faults.extend(into_fault(first));
    faults.extend(setting_fault(first));
    if let Some(second) = statements.get(1) {
        faults.push((second[0].at, StatementFault::Several));
    }
    faults.extend(statements.iter().skip(1).filter_map(|statement| transaction_fault(statement[0])));
    faults
}

/// Returns what is wrong with the file that makes the tables.
pub(super) fn setup_faults(tokens: &[Token<'_>]) -> Vec<FaultAt> {
    statements(tokens).iter().filter_map(|statement| transaction_fault(statement[0])).collect()
}

/// Returns the statements, each at least one token long, blanks and comments left out.
///
/// A semicolon in the body of a function (`begin atomic … end`) divides nothing.
fn statements<'t, 's>(tokens: &'t [Token<'s>]) -> Vec<Vec<&'t Token<'s>>> {
    let (mut statements, mut statement, mut depth) = (Vec::new(), Vec::<&Token<'_>>::new(), 0_usize);
    for token in tokens.iter().filter(|token| token.is_significant()) {
        let begins_body =
            token.is_word("atomic") && statement.last().is_some_and(|last| last.is_word("begin"));
        if begins_body || (depth > 0 && token.is_word("case")) {
            depth += 1;
        } else if token.is_word("end") {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 && token.kind == Kind::Semicolon {
            statements.push(std::mem::take(&mut statement));
        } else {
            statement.push(token);
        }
    }
    statements.push(statement);
    statements.retain(|statement| !statement.is_empty());
    statements
}

fn is_among(token: &Token<'_>, words: &[&str]) -> bool {
    words.iter().any(|word| token.is_word(word))
}

fn transaction_fault(first: &Token<'_>) -> Option<FaultAt> {
    let fault = || StatementFault::TransactionControl(first.text.to_ascii_lowercase());
    is_among(first, TRANSACTION).then(|| (first.at, fault()))
}

fn beginning_fault(first: &Token<'_>) -> Option<FaultAt> {
    if is_among(first, ON_ROWS) {
        return None;
    }
    let word = first.text.to_ascii_lowercase();
    let definition =
        || is_among(first, DEFINITIONS).then(|| (first.at, StatementFault::Definition(word.clone())));
    transaction_fault(first)
        .or_else(definition)
        .or_else(|| Some((first.at, StatementFault::NotOnRows(word.clone()))))
}

/// Under another search path the names of the next statement would be those of other tables.
fn setting_fault(statement: &[&Token<'_>]) -> Option<FaultAt> {
    let is_named = |token: &&&Token<'_>| {
        token.is_word("set_config") || (token.kind == Kind::QuotedName && token.text.contains("set_config"))
    };
    statement.iter().find(is_named).map(|token| (token.at, StatementFault::Setting))
}

/// `select … into` makes a table. Elsewhere `into` follows the verb, or is a name that `as` or a dot announces.
fn into_fault(statement: &[&Token<'_>]) -> Option<FaultAt> {
    let may_precede = |token: &Token<'_>| is_among(token, &["insert", "merge", "as"]) || token.text == ".";
    let made = statement.windows(2).find(|pair| pair[1].is_word("into") && !may_precede(pair[0]))?;
    Some((made[1].at, StatementFault::Definition("select into".to_owned())))
}
