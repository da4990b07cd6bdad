//! Strings that were rewritten, read and printed.

use super::DatabaseUrl;

fn rewritten(text: &str) -> String {
    DatabaseUrl::new(text).with_database("other")
}

fn shown(text: &str) -> String {
    DatabaseUrl::new(text).to_string()
}

#[test]
fn the_database_of_a_url_is_replaced_and_the_rest_stays() {
    assert_eq!(rewritten("postgres://db"), "postgres://db/other");
    assert_eq!(rewritten("postgres://db/"), "postgres://db/other");
    assert_eq!(rewritten("postgresql://me@db:5433/shop"), "postgresql://me@db:5433/other");
    assert_eq!(rewritten("postgres://db?sslmode=disable"), "postgres://db/other?sslmode=disable");
    assert_eq!(
        rewritten("postgres://a:1,b:2/shop?options=-c%20x&y=1"),
        "postgres://a:1,b:2/other?options=-c%20x&y=1"
    );
    assert_eq!(rewritten("postgres://me@%2Ftmp%2Frun/shop"), "postgres://me@%2Ftmp%2Frun/other");
    assert_eq!(rewritten("postgres://db/shop?dbname=later&a=b"), "postgres://db/other?a=b");
}

#[test]
fn odd_characters_in_a_password_survive_the_rewriting() {
    for password in ["p%40ss", "sl/ash", "que?stion", "a:b:c", "%25&=", "ünï"] {
        let url = rewritten(&format!("postgres://me:{password}@db:1/shop?application_name=x"));
        assert_eq!(url, format!("postgres://me:{password}@db:1/other?application_name=x"));
    }
    let config: tokio_postgres::Config = rewritten("postgres://me:sl/a?sh%40@db/shop").parse().unwrap();
    assert_eq!(config.get_password(), Some(b"sl/a?sh@".as_slice()));
    assert_eq!(config.get_dbname(), Some("other"));
}

#[test]
fn a_database_with_odd_characters_is_encoded() {
    let url = DatabaseUrl::new("postgres://db/x").with_database("a b/c?d");
    let config: tokio_postgres::Config = url.parse().unwrap();
    assert_eq!(config.get_dbname(), Some("a b/c?d"));
}

#[test]
fn the_database_of_a_key_value_string_is_replaced() {
    let text = r"host=db  port = 5433 user='me too' password='it\'s \\ here' dbname=shop";
    let config: tokio_postgres::Config = rewritten(text).parse().unwrap();
    assert_eq!(config.get_dbname(), Some("other"));
    assert_eq!(config.get_user(), Some("me too"));
    assert_eq!(config.get_password(), Some(br"it's \ here".as_slice()));
    assert_eq!(config.get_ports(), [5433]);
}

#[test]
fn no_password_is_ever_printed() {
    let secrets = [
        "postgres://me:hidden@db/shop",
        "postgres://me:hid@hidden@db/shop",
        "postgres://me:hidden/hidden?x@db/shop",
        "postgres://db/shop?user=me&password=hidden",
        "postgres://db/shop?sslpassword=hidden&a=b",
        "host=db password=hidden user=me",
        r"host=db password='a hid\'hidden' user=me",
    ];
    for text in secrets {
        assert!(!shown(text).contains("hidden"), "{}", shown(text));
        assert!(shown(text).contains("***"), "{}", shown(text));
        assert!(!format!("{:?}", DatabaseUrl::new(text)).contains("hidden"));
    }
    assert_eq!(shown("postgres://me@db/shop"), "postgres://me@db/shop");
}

#[test]
fn the_database_is_read_from_both_forms() {
    assert_eq!(DatabaseUrl::new("postgres://db/shop").database().as_deref(), Some("shop"));
    assert_eq!(DatabaseUrl::new("host=db dbname=shop").database().as_deref(), Some("shop"));
    assert_eq!(DatabaseUrl::new("postgres://db").database(), None);
}

#[test]
fn a_parameter_is_read_from_both_forms_and_the_last_one_counts() {
    let read = |text: &str| DatabaseUrl::new(text).parameter("sslmode");
    assert_eq!(read("postgres://db/shop?sslmode=require").as_deref(), Some("require"));
    assert_eq!(read("postgres://db?a=b&sslmode=prefer&sslmode=disable").as_deref(), Some("disable"));
    assert_eq!(read("host=db sslmode='verify-full'").as_deref(), Some("verify-full"));
    assert_eq!(read("host=db sslmode = require sslmode=prefer").as_deref(), Some("prefer"));
    assert_eq!(read("postgres://sslmode=require@db/sslmode=require?options=sslmode=require"), None);
    assert_eq!(read("host=db"), None);
}
