-- Reads the youngest snapshot of a stream that counts, and one page of what stands behind it.
--
-- in   $1  text    stream name
--      $2  text    kind
--      $3  text    shape
--      $4  bigint  the highest version a snapshot may have
--      $5  bigint  most events to return
-- out  no row for an unknown stream; else one row of the stream, with the snapshot if there is one, and 0 to $5
--      rows with an event
-- plan index scan on streams_stream_name_key
-- plan index scan on snapshots_pkey
-- plan index scan on events_stream_id_version_key
--
-- A snapshot counts while the event it ends with stands there, and the stream is shown from the same version on.
with stream as materialized (
    select stream_id, stream_name, version, first_version, tombstoned_at is not null as tombstoned
    from annals.streams
    where stream_name = $1
), snapshot as materialized (
    select s.version, s.state, s.state_hash, s.taken_at
    from annals.snapshots as s
    where s.stream_id = (select stream_id from stream)
      and s.kind = $2
      and s.shape = $3
      and s.version <= $4
      and s.first_version = (select first_version from stream)
      and s.event_id = (
          select e.event_id from annals.events as e where e.stream_id = s.stream_id and e.version = s.version)
    order by s.version desc
    limit 1
)
select stream.version, stream.first_version, stream.tombstoned, null::bigint, null::text, null::bigint, null::uuid,
    null::text, null::integer, null::json, null::json, null::timestamptz, snapshot.version, snapshot.state,
    snapshot.state_hash, snapshot.taken_at
from stream
left join snapshot on true
union all
(
    select stream.version, stream.first_version, stream.tombstoned, tail.position, stream.stream_name, tail.version,
        tail.event_id, tail.event_type, tail.schema_version, tail.data, tail.metadata, tail.recorded_at, null, null,
        null, null
    from stream
    cross join lateral (
        select e.position, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata, e.recorded_at
        from annals.events as e
        where e.stream_id = stream.stream_id
          and e.version > coalesce((select version from snapshot), 0)
          and e.version >= stream.first_version
        order by e.version
        limit $5
    ) as tail
)
