//! What cannot be kept in a log does not compile, and the message says why and where.

#[test]
fn what_a_log_cannot_keep_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/refused/*.rs");
}
