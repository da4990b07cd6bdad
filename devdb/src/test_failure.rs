//! `?` in a test that panics on the spot.

use std::{error::Error, fmt::Write};

/// What a test returns, so that `?` can stand in it.
pub type TestResult = Result<(), TestFailure>;

/// What a failing `?` in a test turns into: a panic at its line, with the error and all its causes.
///
/// A test that returned the error would unwind nothing: the place would be lost, and values that look at
/// [`std::thread::panicking`] when dropped, such as [`TestDatabase`](crate::TestDatabase), would take the test for
/// passed. So the conversion panics, and no value of this type is ever made.
///
/// # Panics
///
/// The conversion from any error panics; that is its purpose.
///
/// # Examples
///
/// ```should_panic
/// # use annals_devdb::TestResult;
/// fn a_test() -> TestResult {
///     let _version: i64 = "seven".parse()?; // panics here
///     Ok(())
/// }
/// # let _ = a_test();
/// ```
#[derive(Debug)]
pub struct TestFailure {
    never: std::convert::Infallible,
}

impl<E: Into<Box<dyn Error>>> From<E> for TestFailure {
    #[track_caller]
    fn from(error: E) -> TestFailure {
        let error = error.into();
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let _ = write!(text, "\n  caused by: {next}");
            cause = next.source();
        }
        panic!("{text}");
    }
}

impl TestFailure {
    /// Nothing can be asked of a value that is never made.
    pub fn never(&self) -> ! {
        match self.never {}
    }
}
