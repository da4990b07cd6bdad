//! The statements of runners, written for one schema.

use annals_eventstore::postgres::{SchemaName, Statement};
use annals_eventstore::sql_statements;

sql_statements!(
    ask,
    ask_skip,
    enter_runners,
    free_slots,
    is_parked,
    is_schema_shared,
    leave_runners,
    list_parked,
    list_projections,
    live_runners,
    next_request,
    note_audit,
    open_requests,
    open_skips,
    own_tables,
    park_events,
    parked_again,
    parked_keys,
    parked_of_key,
    pause_projection,
    progress,
    remove_dead_runners,
    request_becomes_retry,
    request_done,
    request_outcome,
    resume_projection,
    resume_slots,
    rewind_slots,
    slot_positions,
    unpark_behind,
    unpark_event,
    wake_runners,
);
