//! Arguments that make no sense, databases that are not there.

use annals_devdb::TestResult;

use crate::support::{Log, annals, run};

#[tokio::test]
async fn arguments_that_make_no_sense_exit_2_before_anything_is_asked() -> TestResult {
    let append = ["stream", "append", "a-1", "--type", "b", "--data"];
    let with = |more: &[&'static str]| [&append[..], more].concat();
    for arguments in [
        vec![],
        vec!["no-such-verb"],
        vec!["stream", "show", "$reserved"],
        vec!["stream", "show", "a-1", "--from", "-1"],
        vec!["events", "tail", "--after", "yesterday"],
        vec!["events", "tail", "--poll-interval", "0"],
        vec!["dev", "start", "--profile", "fast"],
        vec!["doctor", "--open-for-max", "-1"],
        vec!["doctor", "--open-for-max", "soon"],
        vec!["stream", "ls", "--schema", "Not A Name"],
        with(&["{"]),
        with(&["{\"a\": 1, \"a\": 2}"]),
        with(&["@/no/such/file"]),
        with(&["1", "--expect", "sometimes"]),
        with(&["1", "--id", "no uuid"]),
        with(&["1", "--metadata", "[]"]),
        with(&["-", "--metadata", "-"]),
    ] {
        // Nobody listens there: a verb that asked the database would exit 69.
        let mut command = annals(&arguments);
        let refused = run(command.env("DATABASE_URL", "host=/no/such/folder user=ann"))?;
        assert_eq!(refused.code, 2, "{arguments:?}: {refused:?}");
        assert_eq!(refused.stdout, "", "{arguments:?}");
        assert!(!refused.stderr.is_empty(), "{arguments:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_not_there_exits_69_and_is_named_without_its_password() -> TestResult {
    let url = "postgres://ann:secret@127.0.0.1:1/shop";
    let verbs =
        [&["stream", "ls"][..], &["db", "status"], &["db", "migrate"], &["events", "tail"], &["doctor"]];
    for arguments in verbs {
        let refused = run(annals(arguments).env("DATABASE_URL", url))?.exits(69);

        assert!(refused.stderr.contains("127.0.0.1:1"), "{refused:?}");
        assert!(!refused.stderr.contains("secret"), "{refused:?}");
    }
    let log = Log::fresh().await?;
    let flag = log.annals(&["stream", "ls", "--database-url", url])?;
    assert_eq!(flag.code, 69, "a flag outranks the environment");
    Ok(())
}

#[tokio::test]
async fn a_malformed_url_exits_2_and_keeps_the_password_to_itself() -> TestResult {
    for url in ["postgres://ann:sec@ret@db/shop", "postgres://ann:secret@db:port/shop", "secret"] {
        let refused = run(annals(&["stream", "ls"]).env("DATABASE_URL", url))?.exits(2);
        assert!(!refused.stderr.contains("secret") && !refused.stderr.contains("ret@"), "{refused:?}");
    }
    let help =
        run(annals(&["stream", "ls", "--help"]).env("DATABASE_URL", "postgres://ann:secret@db"))?.exits(0);
    assert!(help.stdout.contains("DATABASE_URL") && !help.stdout.contains("secret"));
    Ok(())
}

#[tokio::test]
async fn a_cause_is_told_once() -> TestResult {
    let log = Log::fresh().await?;
    let url = format!("{}_gone", log.url());

    let refused = run(annals(&["stream", "ls"]).env("DATABASE_URL", &url))?.exits(69);

    assert_eq!(refused.stderr.matches("cannot connect to").count(), 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("caused by: FATAL: database"), "{}", refused.stderr);
    Ok(())
}

#[tokio::test]
async fn completions_are_printed_for_a_shell() -> TestResult {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&mut annals(&["completions", shell]))?.exits(0);
        assert!(script.stdout.contains("annals") && script.stdout.contains("tail"), "{shell}");
    }
    Ok(())
}
