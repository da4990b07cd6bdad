//! What one source file names: its paths, outside of test code.

use super::token::{Token, tokens};

/// A path as it is written, with the groups of a `use` spread out: `["crate", "event", "EventId"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    pub(super) is_import: bool,
}

/// A source file, read as far as its paths go.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) paths: Vec<Path>,
    /// Names that its imports bring in.
    pub(super) imported: Vec<String>,
    /// Macros it defines; exported ones live in the crate's root.
    pub(super) macros: Vec<String>,
    /// Modules that only tests have (`#[cfg(test)] mod tests;`).
    pub(super) test_modules: Vec<String>,
    /// Lines on which a module begins that is no file of its own.
    pub(super) inline_modules: Vec<usize>,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let tokens = tokens(text);
        let mut source = Self::default();
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let taken = source.take(rest);
            rest = &rest[taken..];
        }
        source
    }

    /// Takes in what begins here, and returns how many tokens it was.
    fn take(&mut self, rest: &[Token]) -> usize {
        match words(rest).as_slice() {
            ["#", "[", "cfg", "(", "test", ..] | ["#", "[", "cfg", "(", "all", "(", "test", ..] => {
                self.skip_test_item(rest)
            }
            // `$crate::…` is for the users of a macro.
            ["$", ..] => 2.min(rest.len()) + separators(&rest[2.min(rest.len())..]),
            ["use", "<", ..] => 1,
            ["use", ..] => 1 + self.take_use(&rest[1..]),
            ["macro_rules", "!", name, ..] => {
                self.macros.push((*name).to_owned());
                3
            }
            ["mod", _, "{", ..] => {
                self.inline_modules.push(rest[0].line);
                3
            }
            [_, "::", ..] if rest[0].is_word() => self.take_inline(rest),
            _ => 1,
        }
    }

    /// Takes a path in the middle of code; one word alone says nothing.
    fn take_inline(&mut self, rest: &[Token]) -> usize {
        let mut segments = vec![rest[0].text.clone()];
        let mut taken = 1;
        while let [separator, word, ..] = &rest[taken..]
            && separator.text == "::"
            && word.is_word()
        {
            segments.push(word.text.clone());
            taken += 2;
        }
        if segments.len() > 1 {
            self.paths.push(Path { segments, line: rest[0].line, is_import: false });
        }
        taken
    }

    /// Takes the tree behind `use`, up to its `;`.
    fn take_use(&mut self, rest: &[Token]) -> usize {
        let end = rest.iter().position(|token| token.text == ";").unwrap_or(rest.len());
        let mut prefixes: Vec<usize> = Vec::new();
        let (mut segments, mut line): (Vec<String>, _) = (Vec::new(), None);
        // What follows `as`: nothing yet, then the name.
        let mut alias: Option<Option<&str>> = None;
        for token in &rest[..end] {
            match token.text.as_str() {
                "::" => {}
                "{" => prefixes.push(segments.len()),
                "," | "}" => {
                    let prefix = prefixes.last().copied().unwrap_or(0);
                    self.push_use(&segments, prefix, line.take(), alias.take().flatten());
                    segments.truncate(prefix);
                    if token.text == "}" {
                        prefixes.pop();
                        // What stood before the group has been told by its members.
                        line = None;
                    }
                }
                "as" => alias = Some(None),
                name if alias.is_some() => alias = Some(Some(name)),
                name => {
                    segments.push(name.to_owned());
                    line = Some(token.line);
                }
            }
        }
        self.push_use(&segments, 0, line, alias.flatten());
        end
    }

    fn push_use(&mut self, segments: &[String], prefix: usize, line: Option<usize>, alias: Option<&str>) {
        let Some(line) = line.filter(|_| segments.len() > prefix) else { return };
        let segments = segments.iter().filter(|name| *name != "self" || segments[0] == "self");
        let segments: Vec<String> = segments.cloned().collect();
        self.imported.extend(alias.or(segments.last().map(String::as_str)).map(str::to_owned));
        self.paths.push(Path { segments, line, is_import: true });
    }

    /// Skips an item that only tests have.
    fn skip_test_item(&mut self, rest: &[Token]) -> usize {
        let mut taken = 0;
        while rest.get(taken).is_some_and(|token| token.text == "#") {
            taken += 1 + group(&rest[taken + 1..]);
        }
        if let ["mod", name, ";", ..] = words(&rest[taken..]).as_slice() {
            self.test_modules.push((*name).to_owned());
        }
        while let Some(token) = rest.get(taken) {
            match token.text.as_str() {
                ";" => return taken + 1,
                "{" => return taken + group(&rest[taken..]),
                "(" | "[" => taken += group(&rest[taken..]),
                _ => taken += 1,
            }
        }
        taken
    }
}

/// The next few tokens as texts, enough to know what begins.
fn words(rest: &[Token]) -> Vec<&str> {
    rest.iter().take(8).map(|token| token.text.as_str()).collect()
}

/// Returns how many tokens of `::name::name` follow.
fn separators(rest: &[Token]) -> usize {
    rest.iter()
        .zip(0..)
        .take_while(|(token, at)| if at % 2 == 0 { token.text == "::" } else { token.is_word() })
        .count()
}

/// Returns how many tokens the bracketed group has that begins here.
fn group(rest: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in rest.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    rest.len()
}

#[test]
fn paths_are_found_in_imports_and_in_code_but_not_in_tests() {
    let source = Source::parse(
        "use std::{fmt, io::{self, Read as _}};
         pub(crate) use super::store::Store;
         fn f() -> impl Sized + use<'a> { crate::wake::send(); $crate::no::no(); Vec::<u8>::new() }
         macro_rules! suite { () => {} }
         #[cfg(test)] mod tests;
         #[cfg(test)]
         #[allow(x)]
         mod more { use crate::no; }
         use self::after::*;",
    );

    let paths: Vec<String> =
        source.paths.iter().map(|path| format!("{} {}", path.line, path.segments.join("::"))).collect();
    assert_eq!(
        paths,
        [
            "1 std::fmt",
            "1 std::io",
            "1 std::io::Read",
            "2 super::store::Store",
            "3 crate::wake::send",
            "9 self::after::*"
        ]
    );
    assert_eq!(source.imported, ["fmt", "io", "_", "Store", "*"]);
    assert_eq!((source.macros, source.test_modules), (vec!["suite".to_owned()], vec!["tests".to_owned()]));
}
