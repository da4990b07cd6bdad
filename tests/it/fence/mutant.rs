//! The same log with one thing wrong.

use tokio_postgres::Client;

use super::gates::{APPENDS_OF_ONE_EVENT, Gate, replace_in};

/// A mistake that others made, or that we nearly made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mutant {
    /// The reader's three questions are asked of one snapshot, as in one statement.
    OneStatement,
    /// Appenders leave no mark.
    NoFence,
    /// The fence is entered and the position drawn before the stream's row is locked.
    RowLockAfterFence,
    /// Appenders take an untouched sequence for one that has given out 1.
    NoEmptyLogEdgeInFence,
    /// Readers do.
    NoEmptyLogEdgeInHead,
    /// Readers take the last position that can be drawn no more for one that they may go on from, although no event
    /// stands there.
    SettlesWhereNothingIs,
    /// A mark is believed whichever transaction it names.
    TransactionNotChecked,
    /// A mark is believed whichever log it names.
    LogNotChecked,
}

const MARK: &str = "done := pg_advisory_xact_lock_shared((annals.fence_namespace() << 48) | last_drawn);";
const EDGE_IN_FENCE: &str = "coalesce(pg_sequence_last_value('annals.events_position_seq'), 0)";
const EDGE_IN_ONE_EVENT: &str =
    "coalesce(pg_catalog.pg_sequence_last_value('annals.events_position_seq'), 0)";
const BEHIND_MARK: &str = "if from_position <= mark then";
const NO_EDGE: &str = "(select last_value from annals.events_position_seq)";
const MARK_IN_ONE_EVENT: &str = "pg_catalog.pg_advisory_xact_lock_shared(";
const EDGE: &str = "case when is_called then last_value else 0 end";
const LAST_EVENT: &str = "(select e.position from annals.events as e where e.position <= clear_to order by e.position desc limit 1)";
const BELIEVED: &str = "if mark = any (string_to_array(marks, ' ')) then";
const STREAM: &str = "-- Lock the stream's row and move its version, if it is what the caller expects.";

impl Mutant {
    pub(super) async fn plant(self, owner: &Client) -> Result<(), tokio_postgres::Error> {
        match self {
            // A stable function sees with the snapshot of the statement that calls it.
            Self::OneStatement => {
                let sql = "alter function annals.look() stable;
                           alter function annals.read_log_page(bigint, integer, uuid) stable";
                owner.batch_execute(sql).await
            }
            Self::NoFence => {
                replace_in(owner, "enter_fence", &[(MARK, "")]).await?;
                Self::in_one_event(owner, (MARK_IN_ONE_EVENT, "abs(")).await
            }
            Self::RowLockAfterFence => Self::draw_before_the_lock(owner).await,
            Self::NoEmptyLogEdgeInFence => {
                replace_in(owner, "enter_fence", &[(EDGE_IN_FENCE, NO_EDGE)]).await?;
                // What comes at its mark would be refused.
                replace_in(owner, "append_events", &[(BEHIND_MARK, "if false then")]).await?;
                Self::in_one_event(owner, (EDGE_IN_ONE_EVENT, NO_EDGE)).await
            }
            Self::NoEmptyLogEdgeInHead => replace_in(owner, "look", &[(EDGE, "last_value")]).await,
            Self::SettlesWhereNothingIs => replace_in(owner, "look", &[(LAST_EVENT, "clear_to")]).await,
            Self::TransactionNotChecked => {
                let any_transaction =
                    "if marks like '%:' || 'annals.events_position_seq'::regclass::oid then";
                replace_in(owner, "enter_fence", &[(BELIEVED, any_transaction)]).await
            }
            Self::LogNotChecked => {
                let any_log = "if marks like pg_current_xact_id()::text || ':%' then";
                replace_in(owner, "enter_fence", &[(BELIEVED, any_log)]).await
            }
        }
    }

    async fn in_one_event(owner: &Client, replacement: (&str, &str)) -> Result<(), tokio_postgres::Error> {
        for function in APPENDS_OF_ONE_EVENT {
            replace_in(owner, function, &[replacement]).await?;
        }
        Ok(())
    }

    async fn draw_before_the_lock(owner: &Client) -> Result<(), tokio_postgres::Error> {
        let early = format!(
            "perform annals.enter_fence(); drawn := nextval('annals.events_position_seq'); {}",
            Gate::Stream.statement(),
        );
        let replacements = [
            ("mark := annals.enter_fence();", ""),
            ("values (nextval('annals.events_position_seq'), target", "values (drawn, target"),
            ("    target bigint;", "    target bigint; drawn bigint;"),
            (STREAM, early.as_str()),
        ];
        replace_in(owner, "append_events", &replacements).await
    }
}
