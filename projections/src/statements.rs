//! The statements of runners, written for one schema.

use annals_eventstore::postgres::{SchemaName, Statement};

macro_rules! statements {
    ($($name:ident),* $(,)?) => {
        /// Every statement, under its file's name.
        #[derive(Debug)]
        pub(crate) struct Statements {
            $(pub(crate) $name: Statement,)*
        }

        impl Statements {
            /// Rewrites every statement for a schema.
            pub(crate) fn new(schema: &SchemaName) -> Self {
                Self {
                    $($name: Statement::new(include_str!(concat!("sql/", stringify!($name), ".sql")), schema),)*
                }
            }
        }

        /// Returns every SQL file, by name; for tests that prepare and explain them.
        #[doc(hidden)]
        pub fn statements() -> Vec<(&'static str, &'static str)> {
            vec![$((stringify!($name), include_str!(concat!("sql/", stringify!($name), ".sql"))),)*]
        }
    };
}

statements!(enter_runners, leave_runners, live_runners, remove_dead_runners, wake_runners);
