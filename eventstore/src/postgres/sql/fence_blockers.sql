-- Lists the transactions that have appended to this log and are still open: whom readers may wait for.
--
-- out  one row a transaction, the lowest mark first:
--      mark                readers go no further than this position
--      virtualtransaction  as in pg_locks
--      pid, user_name, application_name, state
--                          of its session; the state only where the asking role may see it
--      gid, owner_name     of a prepared transaction
--      since, open_seconds when it began or was prepared, by the server's clock; only where the asking role may see it
-- plan function scan (of the lock table, once)
-- plan sort (of the holders)
with locks as materialized (
    select locktype, mode, relation, transactionid, virtualtransaction, pid, classid::bigint as high, objid::bigint as low
    from pg_locks
    where granted
      and (   locktype = 'transactionid'
           or database = (select oid from pg_database where datname = current_database())
              and (   locktype = 'advisory' and mode = 'ShareLock' and objsubid = 1
                   or locktype = 'relation' and mode = 'RowExclusiveLock'))
), holders as (
    -- What counts as a mark is what annals.look() counts.
    select mark.virtualtransaction, mark.pid, min(((mark.high & 65535) << 32) | mark.low) as mark
    from locks as mark
    where mark.locktype = 'advisory'
      and mark.high >> 16 = annals.fence_namespace()
      and exists (
          select from locks as appender
          where appender.virtualtransaction = mark.virtualtransaction
            and appender.relation = 'annals.streams'::regclass)
    group by mark.virtualtransaction, mark.pid
)
select holder.mark, holder.virtualtransaction, holder.pid, session.usename::text as user_name,
    session.application_name, session.state, prepared.gid, prepared.owner::text as owner_name,
    coalesce(session.xact_start, prepared.prepared) as since,
    extract(epoch from clock_timestamp() - coalesce(session.xact_start, prepared.prepared))::double precision
        as open_seconds
from holders as holder
left join pg_stat_activity as session on session.pid = holder.pid
left join lateral (
    -- A prepared transaction has no process; it goes on holding the lock of its own id.
    select named.gid, named.owner, named.prepared
    from locks as id
    join pg_prepared_xacts as named on named.transaction = id.transactionid
    where holder.pid is null
      and id.virtualtransaction = holder.virtualtransaction
    limit 1
) as prepared on true
order by holder.mark, holder.virtualtransaction
