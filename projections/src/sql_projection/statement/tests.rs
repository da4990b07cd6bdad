//! What becomes of the text of a file.

use proptest::prelude::*;

use super::super::soup;
use super::super::token::Kind;
use super::*;

fn parsed(text: &str) -> Statement {
    Statement::parse(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

/// Returns the faults of a text, each behind the text that it was found at.
fn faults(text: &str) -> Vec<String> {
    let faults = Statement::parse(text).expect_err(text);
    faults.iter().map(|(at, fault)| format!("{} <- {fault}", &text[*at..])).collect()
}

/// Puts the parameters back in the place of their numbers.
fn substituted(sql: &str, parameters: &[Parameter]) -> String {
    let piece = |token: &Token<'_>| match token.kind {
        Kind::Positional => parameters[token.text[1..].parse::<usize>().unwrap() - 1].to_string(),
        _ => token.text.to_owned(),
    };
    tokens(sql).expect("the rewritten text").iter().map(piece).collect()
}

#[test]
fn each_distinct_parameter_has_one_number() {
    let statement =
        parsed("insert into t select :data.a, :stream, :data.a, :data.\"a\"::text, ':data.a' -- :data.b\n;");

    assert_eq!(statement.sql(), "insert into t select $1, $2, $1, $1::text, ':data.a' -- :data.b\n;");
    assert_eq!(statement.parameters(), [Parameter::Data(vec!["a".into()]), Parameter::Stream]);
}

#[test]
fn a_file_holds_one_statement_on_rows() {
    for (text, told) in [
        ("", "there is no statement"),
        (" -- only a comment\n ; ", "there is no statement"),
        ("delete from t; delete from u", "here begins another"),
        ("begin", "`begin` is refused: the transaction"),
        ("COMMIT", "`commit` is refused: the transaction"),
        ("savepoint a", "`savepoint` is refused: the transaction"),
        ("start transaction", "`start` is refused: the transaction"),
        ("prepare transaction 'a'", "`prepare` is refused: the transaction"),
        ("create table t ()", "`create` is refused: tables"),
        ("/* */ drop table t", "`drop` is refused: tables"),
        ("truncate t", "`truncate` is refused: tables"),
        ("select 1 into t", "`select into` is refused: tables"),
        ("with a as (select 1) select * into t from a", "`select into` is refused: tables"),
        ("copy t from '/etc/passwd'", "`copy` is refused: a handler begins"),
        ("do $$ begin end $$", "`do` is refused: a handler begins"),
        ("call p()", "`call` is refused: a handler begins"),
        ("set role postgres", "`set` is refused: a handler begins"),
        (
            "select pg_catalog.Set_Config('search_path', 'other', true)",
            "`set_config` is refused: search path",
        ),
        ("select \"set_config\"('statement_timeout', '0', true)", "`set_config` is refused: search path"),
        ("(select 1)", "`(` is refused: a handler begins"),
    ] {
        let faults = faults(text);
        assert!(faults.len() == 1 && faults[0].contains(told), "{text}: {faults:?}");
    }
    for text in [
        "select 1;",
        "SELECT 1 as into",
        "select t.into from t",
        "insert into t values (1)",
        "merge into t using u on a = b",
    ] {
        parsed(text);
    }
}

#[test]
fn all_faults_are_told_with_their_places() {
    let faults =
        faults("update t set a = :account, b = $1, c = :stream.x, d = e:data.f, e = :data.\"g\"1; commit");

    let begins: Vec<&str> = faults.iter().map(|fault| fault.split_whitespace().next().unwrap()).collect();
    assert_eq!(
        begins,
        [":account,", "$1,", ":stream.x,", ":data.f,", "1;", "commit", "commit"],
        "{faults:#?}"
    );
}

#[test]
fn a_set_based_statement_has_the_events_in_front_of_its_own_relations() {
    for (text, before, after) in [
        ("insert into t select version from events", "with events as (", ") insert into t"),
        ("with a as (select 1) select 2", "with events as (", "), a as (select 1)"),
        ("with recursive a as (select 1) select 2", "with recursive events as (", "), a as (select 1)"),
        ("WITH/**/a as (select 1) select 2", "WITH/**/events as (", "), a as (select 1)"),
    ] {
        let statement = parsed(&format!("-- batch\n-- and more\n{text}"));
        assert!(statement.is_set_based() && statement.parameters().is_empty());
        assert!(statement.sql().contains(&format!("{before} select stream")), "{}", statement.sql());
        assert!(statement.sql().contains(after), "{}", statement.sql());
    }
    assert!(!parsed("select 1 -- batch").is_set_based());
    assert!(!parsed("-- batches\nselect 1").is_set_based());
    assert!(faults("-- batch\nselect :data.a")[0].contains("take it from the relation `events`"));
}

#[test]
fn a_place_in_the_servers_text_leads_to_the_file() {
    let text = "-- ä\nupdate t set a = :data.a, b = :stream, c = nowhere";
    let statement = parsed(text);
    let character = statement.sql().chars().collect::<String>().find("nowhere").unwrap();
    let character = statement.sql()[..character].chars().count() + 1;
    assert_eq!(statement.origin(character), text.find("nowhere").unwrap());

    let text = "-- batch\nwith a as (select wrong) select 2";
    let statement = parsed(text);
    let character = statement.sql().find("wrong").unwrap() + 1;
    assert_eq!(statement.origin(character), text.find("wrong").unwrap());
}

proptest! {
    #[test]
    fn a_text_without_parameters_is_unchanged(text in soup::text()) {
        let Ok(tokens) = tokens(&text) else { return Ok(()) };
        prop_assume!(!tokens.iter().any(|token| matches!(token.kind, Kind::Parameter | Kind::Positional)));
        let rewritten = rewrite(&tokens, None).expect("there is nothing to refuse");
        prop_assert_eq!(rewritten.sql, text);
        prop_assert!(rewritten.parameters.is_empty());
    }

    #[test]
    fn parameters_put_back_give_the_text(text in soup::soup()) {
        let Ok(tokens) = tokens(&text) else { return Ok(()) };
        let Ok(rewritten) = rewrite(&tokens, None) else { return Ok(()) };
        prop_assert_eq!(substituted(&rewritten.sql, &rewritten.parameters), text);
    }

    #[test]
    fn every_token_leads_to_its_origin(text in soup::soup()) {
        let Ok(cut) = tokens(&text) else { return Ok(()) };
        let Ok(rewritten) = rewrite(&cut, None) else { return Ok(()) };
        let again = tokens(&rewritten.sql).expect("the rewritten text");
        prop_assert_eq!(cut.len(), again.len());
        for (before, after) in cut.iter().zip(&again) {
            let character = rewritten.sql[..after.at].chars().count() + 1;
            prop_assert_eq!(rewritten.origin(character), before.at);
        }
    }

    #[test]
    fn whatever_a_file_holds_it_is_read_or_refused(text in soup::text(), character in 0_usize..400) {
        match Statement::parse(&text) {
            Ok(statement) => prop_assert!(statement.origin(character) <= text.len()),
            Err(faults) => prop_assert!(!faults.is_empty() && faults.iter().all(|(at, _)| *at <= text.len())),
        }
    }
}
