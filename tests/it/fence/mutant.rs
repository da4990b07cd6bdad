//! The same log with one thing wrong.

use tokio_postgres::Client;

use super::schedule::{GATE, replace_in};

/// A mistake that others made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mutant {
    /// The reader asks its three questions in one statement, and so of one snapshot.
    OneStatement,
    /// Appenders leave no mark.
    NoFence,
    /// The last position drawn is read as 1 although none was drawn yet.
    NoEmptyLogEdge,
}

/// The reader in one statement: the same questions, the same answer. The gate stands where its snapshot has
/// been taken and nothing asked yet.
const ONE_STATEMENT: &str = "
create or replace function annals.read_log_page(after bigint, max integer)
returns table (head bigint, \"position\" bigint, stream text, version bigint, event_id uuid, event_type text,
               schema_version integer, data json, metadata json, recorded_at timestamptz)
language sql volatile as $$
    with gate as materialized (select pg_advisory_xact_lock_shared(GATE, 1)),
    drawn as materialized (
        select case when is_called then last_value else 0 end as last_drawn
        from gate, annals.events_position_seq),
    fenced as materialized (
        select min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) as lowest
        from drawn, pg_locks as l
        where l.locktype = 'advisory' and l.mode = 'ShareLock' and l.objsubid = 1
          and l.classid::bigint >> 16 = annals.fence_namespace()),
    settled as materialized (select least(last_drawn, lowest) as head from drawn, fenced)
    select s.head, e.position, null, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata,
        e.recorded_at
    from settled as s
    left join annals.events as e on e.position > after and e.position <= s.head
    order by e.position limit greatest(max, 1)
$$";

impl Mutant {
    pub(super) async fn plant(self, owner: &Client) -> Result<(), tokio_postgres::Error> {
        const EDGE: &str = "case when is_called then last_value else 0 end";
        match self {
            Self::OneStatement => {
                owner.batch_execute(&ONE_STATEMENT.replace("GATE", &GATE.to_string())).await
            }
            Self::NoFence => {
                let mark =
                    "perform pg_advisory_xact_lock_shared((annals.fence_namespace() << 48) | last_drawn);";
                replace_in(owner, "enter_fence", &[(mark, "")]).await
            }
            Self::NoEmptyLogEdge => {
                replace_in(owner, "enter_fence", &[(EDGE, "last_value")]).await?;
                replace_in(owner, "head", &[(EDGE, "last_value")]).await
            }
        }
    }
}
