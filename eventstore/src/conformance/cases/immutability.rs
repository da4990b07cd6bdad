//! What is recorded stays as it is.

use crate::conformance::failure::{CaseFailure, CaseResult, ensure_eq};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{append, whole_stream};
use crate::conformance::harness::SqlHarness;
use crate::conformance::transaction::sqlstate_of;
use crate::store::EventStore;

/// 22: the database refuses to update, delete or truncate events, for the owner of the log and in a
/// session that replicates, too.
pub async fn recorded_events_cannot_be_changed_in_sql<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let request = append("thing-1", 3);
    let appended = store.append(request.clone()).await?;
    let before = log_up_to(&store, appended.to_position).await?;
    let client = harness.connect().await?;
    let events = format!("{}.events", harness.schema());

    for role in ["origin", "replica"] {
        client.batch_execute(&format!("set session_replication_role = {role}")).await?;
        for change in [
            format!("update {events} set data = '{{}}' where version = 2"),
            format!("update {events} set recorded_at = now()"),
            format!("delete from {events} where version = 3"),
            format!("delete from {events}"),
            format!("truncate {events}"),
            format!("truncate {events} cascade"),
        ] {
            let Err(refused) = client.batch_execute(&change).await else {
                return Err(CaseFailure::new(format!("{change} succeeded as {role}")));
            };
            ensure_eq!(sqlstate_of(&refused), "LG007", "{change} as {role}");
        }
    }

    ensure_eq!(log_up_to(&store, appended.to_position).await?, before, "the log");
    ensure_eq!(whole_stream(&store, &request.stream).await?, before, "the stream");
    Ok(())
}
