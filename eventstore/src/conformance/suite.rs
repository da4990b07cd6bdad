//! The macro that turns the table of cases into the tests of one adapter.

/// Generates one test for each case that an adapter runs, and one that fails where a case of
/// [`CASES`](crate::conformance::CASES) has no cell.
///
/// A cell is the number and the name of a case; `: n/a "reason"` behind it excuses the adapter, which only
/// cases for some adapters ([`AppliesTo`](crate::conformance::AppliesTo)) admit. `harness` is awaited
/// anew for every test and gives a harness with an empty log; it panics where it cannot. Behind `unless`, if that is
/// given, stands a function that takes the name of a case and tells whether it cannot run here, having said why: the
/// case then counts as passed. Needs `tokio` with `macros` and `rt-multi-thread` where it is used.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{MemoryStore, conformance::{CaseResult, StoreHarness, conformance_suite}};
/// struct Memory(MemoryStore);
/// impl StoreHarness for Memory {
///     type Store = MemoryStore;
///     type Operator = MemoryStore;
///     fn store(&self) -> MemoryStore {
///         self.0.clone()
///     }
///     fn operator(&self) -> MemoryStore {
///         self.0.clone()
///     }
///     async fn require_unique_event_ids(&self) -> CaseResult {
///         Ok(self.0.require_unique_event_ids())
///     }
/// }
///
/// conformance_suite! {
///     harness: async { Memory(MemoryStore::new()) },
///     cells: {
///         1 the_first_event_of_a_new_stream_has_version_one,
///         22 recorded_events_cannot_be_changed_in_sql: n/a "there is no SQL",
///         // … and all others
///     }
/// }
/// ```
#[macro_export]
macro_rules! conformance_suite {
    (
        harness: $harness:expr,
        cells: { $($cells:tt)* }
    ) => {
        $crate::conformance_suite! { harness: $harness, unless: |_: &str| false, cells: { $($cells)* } }
    };
    (
        harness: $harness:expr,
        unless: $unless:expr,
        cells: { $($number:literal $case:ident $(: n/a $reason:literal)?),* $(,)? }
    ) => {
        $($crate::conformance_suite!(@test $harness, $unless, $case $(, $reason)?);)*

        #[test]
        fn every_case_of_the_suite_has_a_cell() {
            let cells = [$($crate::conformance::Cell {
                number: $number,
                name: ::core::stringify!($case),
                not_applicable: $crate::conformance_suite!(@reason $($reason)?),
            }),*];
            let wrong = $crate::conformance::check_cells(&cells);
            assert!(wrong.is_empty(), "{wrong:#?}");
        }
    };
    (@test $harness:expr, $unless:expr, $case:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            if ($unless)(::core::stringify!($case)) {
                return;
            }
            let harness = $harness.await;
            // A panic, so that the harness is dropped while the thread tells that its test failed.
            if let Err(failure) = $crate::conformance::cases::$case(&harness).await {
                panic!("{failure}");
            }
        }
    };
    (@test $harness:expr, $unless:expr, $case:ident, $reason:literal) => {};
    (@reason) => { ::core::option::Option::None };
    (@reason $reason:literal) => { ::core::option::Option::Some($reason) };
}
