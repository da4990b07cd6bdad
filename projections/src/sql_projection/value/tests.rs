//! What fits a type, and what is sent for it.

use super::*;

fn sends(json: &str, wanted: &Type) -> Option<String> {
    sent(json, wanted).unwrap_or_else(|_| panic!("{json} is no {wanted}"))
}

#[track_caller]
fn all_sent(wanted: &Type, values: &[(&str, &str)]) {
    for (json, text) in values {
        assert_eq!(sends(json, wanted).as_deref(), Some(*text), "{json} as {wanted}");
    }
}

#[track_caller]
fn none_fits(wanted: &Type, values: &[&str]) {
    for json in values {
        assert_eq!(sent(json, wanted), Err(Unfit), "{json} as {wanted}");
    }
}

#[test]
fn null_is_null_in_every_type() {
    for wanted in [Type::TEXT, Type::INT8, Type::JSONB, Type::TEXT_ARRAY, Type::TIMESTAMPTZ] {
        assert_eq!(sends("null", &wanted), None);
    }
    assert_eq!(sends("[]", &Type::INT4_ARRAY).as_deref(), Some("{}"));
}

#[test]
fn whole_numbers_stay_in_their_range() {
    all_sent(&Type::INT2, &[("32767", "32767"), ("-32768", "-32768"), ("\"7\"", "7")]);
    all_sent(&Type::INT8, &[("9223372036854775807", "9223372036854775807"), ("-0", "-0")]);
    none_fits(&Type::INT2, &["32768", "-32769"]);
    none_fits(&Type::INT4, &["2147483648"]);
    none_fits(
        &Type::INT8,
        &["9223372036854775808", "1.0", "1e3", "\"\"", "\" 1\"", "\"+1\"", "\"0x1\"", "true", "[1]", "{}"],
    );
}

#[test]
fn decimals_are_sent_digit_by_digit() {
    let long = "123456789012345678901234567890.123456789012345678901234567890";
    all_sent(
        &Type::NUMERIC,
        &[(long, long), ("18446744073709551616", "18446744073709551616"), ("1.10", "1.10")],
    );
    all_sent(&Type::NUMERIC, &[("1e400", "1e400"), ("-1.5E-7", "-1.5E-7"), ("\"12.50\"", "12.50")]);
    none_fits(
        &Type::NUMERIC,
        &["\"NaN\"", "\"Infinity\"", "\"1,5\"", "\"1.\"", "\".5\"", "\"1e\"", "1e131073", "1e-16384"],
    );
    none_fits(&Type::NUMERIC, &["1e99999999999999999999", "1e-99999999999999999999", "false"]);
}

#[test]
fn floats_neither_overflow_nor_vanish() {
    all_sent(&Type::FLOAT8, &[("1.5", "1.5"), ("0", "0"), ("-0.0e9", "-0.0e9"), ("1e308", "1e308")]);
    none_fits(&Type::FLOAT8, &["1e400", "1e-400", "\"NaN\"", "\"inf\""]);
    none_fits(&Type::FLOAT4, &["1e39", "1e-60"]);
}

#[test]
fn texts_are_taken_as_they_are() {
    all_sent(
        &Type::TEXT,
        &[("\"now\"", "now"), ("1.50", "1.50"), ("true", "true"), ("{\"a\": 1}", "{\"a\": 1}")],
    );
    all_sent(&Type::JSONB, &[("\"now\"", "\"now\""), ("1.50", "1.50"), ("{\"a\": 1}", "{\"a\": 1}")]);
    all_sent(&Type::BOOL, &[("true", "true"), ("\"false\"", "false")]);
    none_fits(&Type::BOOL, &["1", "\"yes\"", "\"t\""]);
}

#[test]
fn times_mean_the_same_in_every_session() {
    all_sent(&Type::TIMESTAMPTZ, &[("\"2026-11-27T21:30:00.123456Z\"", "2026-11-27T21:30:00.123456Z")]);
    all_sent(&Type::TIMESTAMPTZ, &[("\"0001-01-01T00:00:00+15:59\"", "0001-01-01T00:00:00+15:59")]);
    all_sent(&Type::TIMESTAMP, &[("\"2026-11-27T21:30:00.5\"", "2026-11-27T21:30:00.5")]);
    all_sent(&Type::DATE, &[("\"2024-02-29\"", "2024-02-29")]);
    none_fits(
        &Type::TIMESTAMPTZ,
        &["\"now\"", "\"infinity\"", "\"2026-11-27T21:30:00\"", "\"2026-11-27\"", "1764279000"],
    );
    none_fits(
        &Type::TIMESTAMPTZ,
        &["\"0000-01-01T00:00:00Z\"", "\"2026-11-27T21:30:00+16:00\"", "\"2026-02-30T00:00:00Z\""],
    );
    none_fits(
        &Type::TIMESTAMP,
        &["\"2026-11-27T21:30:00Z\"", "\"2026-11-27T21:30:00+01:00\"", "\"2026-11-27\""],
    );
    none_fits(
        &Type::DATE,
        &[
            "\"2023-02-29\"",
            "\"today\"",
            "\"27.11.2026\"",
            "\"2026-1-2\"",
            "\"0000-01-01\"",
            "\"ä026-11-27\"",
        ],
    );
}

#[test]
fn ids_and_bytes_are_written_in_full() {
    let id = "0193700a-7b2c-7def-8abc-0123456789ab";
    all_sent(
        &Type::UUID,
        &[(&format!("\"{id}\""), id), (&format!("\"{}\"", id.replace('-', "")), &id.replace('-', ""))],
    );
    none_fits(&Type::UUID, &["\"\"", "\"0193700a\"", "\"0193700a-7b2c-7def-8abc-0123456789ag\"", "1"]);
    all_sent(&Type::BYTEA, &[("\"\\\\x00ff\"", "\\x00ff"), ("\"\\\\x\"", "\\x")]);
    none_fits(&Type::BYTEA, &["\"AAEC\"", "\"\\\\x0\"", "\"\\\\xgg\""]);
}

#[test]
fn arrays_are_quoted_for_the_server() {
    all_sent(
        &Type::TEXT_ARRAY,
        &[(r#"["a", "b\"c\\", null, "NULL", ""]"#, r#"{"a","b\"c\\",NULL,"NULL",""}"#)],
    );
    all_sent(&Type::INT8_ARRAY, &[("[1, 2]", "{\"1\",\"2\"}")]);
    all_sent(&Type::JSON_ARRAY, &[(r#"[{"a": "b"}, [1]]"#, r#"{"{\"a\": \"b\"}","[1]"}"#)]);
    none_fits(&Type::INT8_ARRAY, &["[1, \"a\"]", "[[1]]", "1", "{}", "\"{1}\""]);
}

#[test]
fn domains_and_enums_are_seen_through() {
    let schema = || "public".to_owned();
    let domain = Type::new("cents".to_owned(), 1, Kind::Domain(Type::INT8), schema());
    let mood = Type::new("mood".to_owned(), 2, Kind::Enum(vec!["glad".to_owned()]), schema());

    all_sent(&domain, &[("1", "1")]);
    none_fits(&domain, &["1.5"]);
    all_sent(&mood, &[("\"glad\"", "glad")]);
    none_fits(&mood, &["\"sad\""]);
}
