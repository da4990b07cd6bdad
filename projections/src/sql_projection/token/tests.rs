//! What is a token, and that nothing in a token is another one.

use proptest::prelude::*;

use super::super::soup;
use super::*;

fn kinds(sql: &str) -> Vec<Kind> {
    tokens(sql).expect(sql).iter().filter(|token| token.is_significant()).map(|token| token.kind).collect()
}

fn is_one(sql: &str, kind: Kind) -> bool {
    matches!(&tokens(sql).expect(sql)[..], [one] if one.kind == kind && one.text == sql)
}

#[test]
fn literals_names_and_comments_are_one_token_each() {
    for literal in [
        "''",
        "'a :data.x'",
        "'it''s :data.x'",
        "'a\\'",
        r"E'a\' :data.x'",
        "e'a''b'",
        "e'a' -- c\n  '\\' :data.x'",
        "U&'\\0041'",
        "x'1F'",
        "$$ ' :data.x $a$ $$",
        "$tag$ $$ ' \" $tag$",
        "$ä$ :data.x $ä$",
    ] {
        assert!(is_one(literal, Kind::Literal), "{literal}: {:?}", tokens(literal));
    }
    for name in ["\"a :data.x\"", "\"a\"\"b\"", "U&\"\\0061\""] {
        assert!(is_one(name, Kind::QuotedName), "{name}");
    }
    for comment in ["-- ' :data.x", "/* a /* ' */ :data.x */"] {
        assert!(is_one(comment, Kind::Comment), "{comment}");
    }
}

#[test]
fn colons_that_begin_no_parameter_are_signs() {
    assert_eq!(kinds("a::b"), [Kind::Word, Kind::Sign, Kind::Word]);
    assert_eq!(kinds("a:=1"), [Kind::Word, Kind::Sign, Kind::Number]);
    assert_eq!(kinds("[1:2]"), [Kind::Sign, Kind::Number, Kind::Sign, Kind::Number, Kind::Sign]);
    assert_eq!(kinds(":data.a::b"), [Kind::Parameter, Kind::Sign, Kind::Word]);
    assert_eq!(kinds("a$b$:c"), [Kind::Word, Kind::Parameter]);
}

#[test]
fn what_has_no_end_is_told_with_its_beginning() {
    for (sql, what) in [
        ("a 'b", "literal"),
        ("a e'b\\'", "literal"),
        ("a e'b\\", "literal"),
        ("a $x$ $y$", "literal"),
        ("a /* /* */", "comment"),
        ("a \"b\"\"", "quoted name"),
        ("a :data.\"b", "quoted name"),
    ] {
        let begins = if sql.contains(":data") { 2 } else { sql.find(' ').unwrap() + 1 };
        assert_eq!(tokens(sql), Err(Unended { what, at: begins }), "{sql}");
    }
}

proptest! {
    #[test]
    fn tokens_are_the_text_that_was_cut(sql in soup::text()) {
        match tokens(&sql) {
            Ok(tokens) => {
                let joined: String = tokens.iter().map(|token| token.text).collect();
                prop_assert_eq!(&joined, &sql);
                prop_assert!(tokens.iter().all(|token| !token.text.is_empty()));
            }
            Err(unended) => prop_assert!(unended.at < sql.len()),
        }
    }

    #[test]
    fn nothing_is_found_in_a_literal(inner in soup::text()) {
        let plain = format!("'{}'", inner.replace('\'', "''"));
        prop_assert!(is_one(&plain, Kind::Literal));
        let escaped = format!("E'{}'", inner.replace('\\', "\\\\").replace('\'', "\\'"));
        prop_assert!(is_one(&escaped, Kind::Literal));
        let dollars = format!("$q${}$q$", inner.replace('$', "€"));
        prop_assert!(is_one(&dollars, Kind::Literal));
    }

    #[test]
    fn nothing_is_found_in_a_quoted_name(inner in soup::text()) {
        let name = format!("\"{}\"", inner.replace('"', "\"\""));
        prop_assert!(is_one(&name, Kind::QuotedName));
    }

    #[test]
    fn nothing_is_found_in_a_comment(inner in soup::text()) {
        let line = format!("--{}", inner.replace(['\n', '\r'], " "));
        prop_assert!(is_one(&line, Kind::Comment));
        let block = format!("/*{}*/", inner.replace(['*', '/'], " "));
        prop_assert!(is_one(&block, Kind::Comment));
        let nested = format!("/*{block}{block}*/");
        prop_assert!(is_one(&nested, Kind::Comment));
    }
}
