//! What a manifest may say, and that all its faults are told at once.

use super::*;

const WHOLE: &str = r#"
name = "bank.balances"
version = 3
partitions = 16
schema = "balances"
key = "data.account"
errors = "stop"

[events]
account-opened = "opened.sql"
"money deposited" = "moved.sql"
"#;

const LEAST: &str = "name = \"balances\"\nversion = 1\n[events]\na = \"a.sql\"";

fn faults(text: &str) -> Vec<String> {
    let (faults, _) = Manifest::parse(text).expect_err(text);
    faults.iter().map(|(at, fault)| format!("{}: {fault}", text[..*at].matches('\n').count() + 1)).collect()
}

#[test]
fn everything_can_be_said_and_little_has_to_be() {
    let whole = Manifest::parse(WHOLE).unwrap();
    assert_eq!((whole.name.as_str(), whole.version, whole.partitions), ("bank.balances", 3, 16));
    assert_eq!((whole.schema.as_str(), whole.key.to_string()), ("balances", "data.account".to_owned()));
    assert_eq!(whole.errors, ErrorPolicy::Stop);
    let files: Vec<_> =
        whole.events.iter().map(|declared| (declared.event_type.as_str(), declared.file.as_str())).collect();
    assert_eq!(files, [("account-opened", "opened.sql"), ("money deposited", "moved.sql")]);

    let least = Manifest::parse(LEAST).unwrap();
    assert_eq!((least.schema.as_str(), least.partitions), ("balances", 1));
    assert_eq!((least.key, least.errors), (EventKey::Stream, ErrorPolicy::Park));
}

#[test]
fn all_faults_are_told_at_once_with_their_lines() {
    let text = "name = \"Balances\"\nversion = 0\npartitions = 1.5\nschema = \"public\"\nkey = \"metadata.a\"\n\
                errors = \"ignore\"\nerors = \"park\"\n[events]\na = \"../a.sql\"\n\"$b\" = \"b.sql\"\nc = 1\n\
                d = \"setup.sql\"\ne = \"e.sql\"";
    let mut faults = faults(text);
    faults.sort_by_key(|fault| fault.split(':').next().unwrap().parse::<u32>().unwrap());

    let begins = [
        "1: `name` is 1 to 48",
        "2: `version` is a whole number from 1, not 0",
        "3: `partitions` is a whole number from 1 to 4096, not a value of type float",
        "4: `schema` is 1 to 48",
        "5: `key` is \"stream\" or a field",
        "6: `errors` is \"park\", \"skip\" or \"stop\", not \"ignore\"",
        "7: `erors` is no key",
        "9: `a` is the name of an .sql file",
        "10: `events` is event types",
        "11: `c` is the name of an .sql file",
        "12: `d` is the name of an .sql file",
    ];
    assert_eq!(faults.len(), begins.len(), "{faults:#?}");
    for (fault, begin) in faults.iter().zip(begins) {
        assert!(fault.starts_with(begin), "{fault} is not {begin}");
    }
}

#[test]
fn what_is_missing_and_what_is_no_toml_is_told() {
    assert_eq!(faults(""), ["1: `name` is missing", "1: `version` is missing", "1: `[events]` is missing"]);
    assert_eq!(faults(&LEAST.replace("balances", "bank.balances")), ["1: `schema` is missing"]);
    assert_eq!(faults(&LEAST.replace("[events]\na = \"a.sql\"", "[events]")).len(), 1);
    assert!(faults(&LEAST.replace("version = 1", "version = \nversion = 2")).len() >= 2);
    assert_eq!(faults(&LEAST.replace("= 1", "= 99999999999")).len(), 1);
}
