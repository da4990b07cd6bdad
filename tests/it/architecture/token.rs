//! Rust source as words and signs: no comments, no strings, no blanks.

/// A word (`crate`, `Append`), a path separator (`::`) or any other single sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    pub(super) fn is_word(&self) -> bool {
        self.text.starts_with(is_word)
    }
}

/// Cuts a source into tokens. Lifetimes come as `'` and a word.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let bytes = match skipped(rest) {
            Some(bytes) => bytes,
            None => {
                let bytes = length(rest, first);
                tokens.push(Token { text: rest[..bytes].to_owned(), line });
                bytes
            }
        };
        line += rest[..bytes].matches('\n').count();
        rest = &rest[bytes..];
    }
    tokens
}

fn length(rest: &str, first: char) -> usize {
    if rest.starts_with("::") {
        2
    } else if is_word(first) {
        rest.find(|character| !is_word(character)).unwrap_or(rest.len())
    } else {
        first.len_utf8()
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Returns the length of what says nothing about paths and begins here: a blank, a comment, a literal.
fn skipped(rest: &str) -> Option<usize> {
    let first = rest.chars().next()?;
    if first.is_whitespace() {
        return Some(first.len_utf8());
    }
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    raw_string(rest).or_else(|| string(rest)).or_else(|| character(rest))
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let (step, deeper) = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step;
        depth += deeper;
        if depth == 0 {
            break;
        }
    }
    at
}

/// `r"…"`, `r#"…"#`, with `b` or `c` before the `r`.
fn raw_string(rest: &str) -> Option<usize> {
    let behind = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let text = behind[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = text.find(&end).map_or(text.len(), |at| at + end.len());
    Some(rest.len() - text.len() + length)
}

fn string(rest: &str) -> Option<usize> {
    let text = ["\"", "b\"", "c\""].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    Some(rest.len() - text.len() + quoted(text, '"'))
}

/// `'a'`, `'\n'`, `b'a'`; a `'` that closes nowhere near begins a lifetime.
fn character(rest: &str) -> Option<usize> {
    let text = ["'", "b'"].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let mut characters = text.chars();
    let is_literal = match characters.next()? {
        '\\' => true,
        _ => characters.next() == Some('\''),
    };
    is_literal.then(|| rest.len() - text.len() + quoted(text, '\''))
}

/// Returns the length up to and with the closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[test]
fn comments_and_literals_say_nothing_about_paths() {
    let source = r##"use a::b; // crate::no
        /* crate::no /* nested */ crate::no */ let x = "crate::no \" crate::no";
        let y = r#"crate::no "quoted""#; let z: &'a str = f('"', '\'', b'x'); c::d"##;

    let words: Vec<String> =
        tokens(source).into_iter().filter(Token::is_word).map(|token| token.text).collect();

    assert_eq!(words.join(" "), "use a b let x let y let z a str f c d");
    assert_eq!(tokens(source).last().map(|token| token.line), Some(3));
}
