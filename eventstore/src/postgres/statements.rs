//! The statements of this adapter, written for one schema.

use crate::postgres::schema::SchemaName;

macro_rules! statements {
    ($($name:ident),* $(,)?) => {
        /// Every statement the adapter sends, under its file's name.
        #[derive(Debug)]
        pub(crate) struct Statements {
            $(pub(crate) $name: String,)*
        }

        impl Statements {
            /// Rewrites every statement for a schema.
            pub(crate) fn new(schema: &SchemaName) -> Self {
                Self {
                    $($name: schema.rewrite(include_str!(concat!("sql/", stringify!($name), ".sql"))),)*
                }
            }
        }

        /// Returns every SQL file the adapter sends, by name; for tests that prepare and explain them.
        #[cfg(feature = "testing")]
        pub fn statements() -> Vec<(&'static str, &'static str)> {
            vec![$((stringify!($name), include_str!(concat!("sql/", stringify!($name), ".sql"))),)*]
        }
    };
}

statements!(
    advance_checkpoint,
    append,
    append_decisions,
    append_event,
    append_first_event,
    append_many,
    claim_checkpoint,
    claim_holder,
    close_key,
    find_append,
    find_append_many,
    forget_checkpoint,
    head,
    list_streams,
    opening,
    prune_snapshots,
    read_from_snapshot,
    read_log_backward,
    read_log_filtered,
    read_log_forward,
    read_stream_backward,
    read_stream_forward,
    read_tail,
    reload_checkpoint,
    stream_info,
    wake,
    write_snapshot,
);
