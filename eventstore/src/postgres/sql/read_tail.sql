-- Reads one page of what stands in a stream behind a version, and how far the stream is.
--
-- in   $1  text    stream name
--      $2  bigint  version, exclusive
--      $3  bigint  most events to return
-- out  no row for an unknown stream; else at least one, each with the stream's version and first version:
--      1 to $3 rows with an event, by rising version, or one without
-- plan index scan on streams_stream_name_key
-- plan index scan on events_stream_id_version_key
with stream as materialized (
    select stream_id, stream_name, version, first_version, tombstoned_at is not null as tombstoned
    from annals.streams
    where stream_name = $1
)
select stream.version, stream.first_version, stream.tombstoned, tail.position, stream.stream_name, tail.version,
    tail.event_id, tail.event_type, tail.schema_version, tail.data, tail.metadata, tail.recorded_at
from stream
left join lateral (
    select e.position, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata, e.recorded_at
    from annals.events as e
    where e.stream_id = stream.stream_id
      and e.version > $2
      and e.version >= stream.first_version
    order by e.version
    limit $3
) as tail on true
