//! Random texts for property tests: what SQL is made of, in any order, closed or not.

use proptest::collection::vec;
use proptest::prelude::*;

/// Pieces after which a careless scanner loses its place. Parameters are spelled as they are printed.
const PIECES: &[&str] = &[
    "'",
    "''",
    "e'",
    "E'",
    "U&'",
    "u&\"",
    "b'",
    "\"",
    "\"\"",
    "\\",
    "\\'",
    "$",
    "$$",
    "$a$",
    "$ä$",
    "$1",
    "--",
    "/*",
    "*/",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    "::",
    ":=",
    ":::",
    "[1:2]",
    "[a:b]",
    ":data",
    ":data.a",
    ":data.a.0",
    ":data.\"a b\".c",
    ":metadata.x",
    ":stream",
    ":position",
    ":nobody",
    ".",
    ";",
    ",",
    "(",
    ")",
    "1",
    "1.5",
    "1e5",
    ".5",
    "a",
    "select",
    "insert into",
    "with",
    "recursive",
    "begin atomic",
    "end",
    "case",
    "ä",
    "->>",
    "|| ",
    "/",
    "-",
    "*",
    "=",
    "-- batch\n",
    "😀",
    "\0",
];

/// Any text.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), soup()]
}

/// A text of such pieces.
pub(super) fn soup() -> impl Strategy<Value = String> {
    vec(proptest::sample::select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}
