//! The tokens of an SQL text, as PostgreSQL's own scanner would cut it.
//!
//! Guarantees
//! - the texts of all tokens, one behind the other, are the SQL text;
//! - what stands in a literal, a quoted name or a comment is one token, and nothing in it is looked at;
//! - any text is either cut or refused, in time that grows with its length.
//!
//! Leaves to others: what the tokens mean (`statement`), whether they are SQL at all (the server). Literals are cut as
//! under `standard_conforming_strings = on`, which is the server's default.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Blanks, tabs, line ends.
    Space,
    /// `-- …` up to the line's end, or `/* … */`, nested.
    Comment,
    /// `'…'`, `E'…'`, `U&'…'`, `B'…'`, `X'…'`, `$tag$…$tag$`.
    Literal,
    /// `"…"` or `U&"…"`.
    QuotedName,
    /// A key word or a name without quotes.
    Word,
    /// A number.
    Number,
    /// `:name.path."to a"."field"`.
    Parameter,
    /// `$1`.
    Positional,
    /// `;`
    Semicolon,
    /// Everything else: `::`, `:=`, or one character of an operator or bracket.
    Sign,
}

/// A piece of an SQL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind,
    pub(super) text: &'s str,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

impl Token<'_> {
    /// Tells whether it is this key word, in any case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Tells whether it says something to the server.
    pub(super) fn is_significant(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }
}

/// A literal, quoted name or comment that has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unended {
    /// What has no end.
    pub(super) what: &'static str,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

/// Cuts an SQL text.
///
/// # Errors
///
/// [`Unended`] where the text ends inside a token.
pub(super) fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Unended> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = first(rest).map_err(|what| Unended { what, at })?;
        tokens.push(Token { kind, text: &rest[..length], at });
        at += length;
    }
    Ok(tokens)
}

/// Returns what a text begins with, and how long that is.
fn first(rest: &str) -> Result<(Kind, usize), &'static str> {
    let bytes = rest.as_bytes();
    Ok(match bytes {
        [byte, ..] if is_space(*byte) => (Kind::Space, run(bytes, is_space)),
        [b'-', b'-', ..] => (Kind::Comment, run(bytes, |byte| !matches!(byte, b'\n' | b'\r'))),
        [b'/', b'*', ..] => (Kind::Comment, block_comment(bytes)?),
        [b'\'', ..] => (Kind::Literal, quoted(bytes, 0, b'\'').ok_or("literal")?),
        [b'e' | b'E', b'\'', ..] => (Kind::Literal, escaped(bytes)?),
        [b'b' | b'B' | b'x' | b'X' | b'n' | b'N', b'\'', ..] => {
            (Kind::Literal, quoted(bytes, 1, b'\'').ok_or("literal")?)
        }
        [b'u' | b'U', b'&', b'\'', ..] => (Kind::Literal, quoted(bytes, 2, b'\'').ok_or("literal")?),
        [b'u' | b'U', b'&', b'"', ..] => (Kind::QuotedName, quoted(bytes, 2, b'"').ok_or("quoted name")?),
        [b'"', ..] => (Kind::QuotedName, quoted(bytes, 0, b'"').ok_or("quoted name")?),
        [b'$', ..] => dollar(rest)?,
        [b':', b':' | b'=', ..] => (Kind::Sign, 2),
        [b':', byte, ..] if begins_name(*byte) => (Kind::Parameter, parameter(bytes)?),
        [byte, ..] if begins_name(*byte) => (Kind::Word, run(bytes, continues_name)),
        [byte, ..] if byte.is_ascii_digit() => (Kind::Number, number(bytes)),
        [b'.', byte, ..] if byte.is_ascii_digit() => (Kind::Number, number(bytes)),
        [b';', ..] => (Kind::Semicolon, 1),
        _ => (Kind::Sign, 1),
    })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Names may hold any character beyond ASCII, so a token never ends inside of one.
fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

fn of_field(byte: u8) -> bool {
    begins_name(byte) || byte.is_ascii_digit()
}

/// Tells whether a name or number goes on with this byte.
pub(super) fn continues_name(byte: u8) -> bool {
    of_field(byte) || byte == b'$'
}

/// Counts the bytes in front that are of a kind.
fn run(bytes: &[u8], is_of: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !is_of(*byte)).unwrap_or(bytes.len())
}

/// Returns the length of what is quoted behind a prefix; the quote stands for itself when doubled.
fn quoted(bytes: &[u8], prefix: usize, quote: u8) -> Option<usize> {
    let mut at = prefix + 1;
    loop {
        at += bytes[at..].iter().position(|byte| *byte == quote)?;
        if bytes.get(at + 1) != Some(&quote) {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Returns the length of `E'…'`, with what is continued on other lines: a backslash counts there as well.
fn escaped(bytes: &[u8]) -> Result<usize, &'static str> {
    let mut at = 2;
    loop {
        match bytes.get(at).ok_or("literal")? {
            b'\\' => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => match continuation(&bytes[at + 1..]) {
                Some(between) => at += between + 2,
                None => return Ok(at + 1),
            },
            _ => at += 1,
        }
    }
}

/// Returns the length of the blanks behind a literal, if a line end is among them and the literal goes on.
fn continuation(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at..)? {
            [b'-', b'-', rest @ ..] => at += 2 + run(rest, |byte| !matches!(byte, b'\n' | b'\r')),
            [byte, ..] if is_space(*byte) => at += 1,
            [b'\'', ..] => return bytes[..at].iter().any(|byte| matches!(byte, b'\n' | b'\r')).then_some(at),
            _ => return None,
        }
    }
}

fn block_comment(bytes: &[u8]) -> Result<usize, &'static str> {
    let (mut depth, mut at) = (1_usize, 2);
    while depth > 0 {
        match bytes.get(at..).unwrap_or_default() {
            [] => return Err("comment"),
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    Ok(at)
}

/// Returns what begins with a dollar: a literal, a parameter by number, or the sign alone.
fn dollar(rest: &str) -> Result<(Kind, usize), &'static str> {
    let behind = &rest.as_bytes()[1..];
    let digits = run(behind, |byte| byte.is_ascii_digit());
    if digits > 0 {
        return Ok((Kind::Positional, 1 + digits));
    }
    let tag = run(behind, of_field) + 2;
    if rest.as_bytes().get(tag - 1) != Some(&b'$') {
        return Ok((Kind::Sign, 1));
    }
    let end = rest[tag..].find(&rest[..tag]).ok_or("literal")?;
    Ok((Kind::Literal, tag + end + tag))
}

/// Returns the length of a parameter: a colon, a name, and fields behind dots, which may be quoted.
fn parameter(bytes: &[u8]) -> Result<usize, &'static str> {
    let mut at = 1 + run(&bytes[1..], of_field);
    loop {
        match bytes.get(at..).unwrap_or_default() {
            [b'.', b'"', ..] => at += quoted(&bytes[at..], 1, b'"').ok_or("quoted name")?,
            [b'.', byte, ..] if of_field(*byte) => at += 1 + run(&bytes[at + 1..], of_field),
            _ => return Ok(at),
        }
    }
}

fn number(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match bytes.get(at..).unwrap_or_default() {
            [byte, ..] if of_field(*byte) && byte.is_ascii() => at += 1,
            [b'.', byte, ..] if byte.is_ascii_digit() => at += 2,
            _ => return at,
        }
    }
}

#[cfg(test)]
mod tests;
