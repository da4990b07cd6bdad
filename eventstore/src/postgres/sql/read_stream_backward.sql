-- Reads one page of a stream, newest event first.
--
-- in   $1  text    stream name
--      $2  bigint  highest version wanted, inclusive
--      $3  bigint  most rows to return
-- out  0 to $3 rows by falling version; an unknown, deleted or tombstoned stream gives none
-- plan index scan on streams_stream_name_key
-- plan index scan on events_stream_id_version_key
--
-- The stream is looked up first and not joined: a join would not know that it is one stream, and sort.
with stream as materialized (
    select stream_id, stream_name, first_version
    from annals.streams
    where stream_name = $1
      and tombstoned_at is null
)
select e.position, (select stream_name from stream), e.version, e.event_id, e.event_type, e.schema_version, e.data,
    e.metadata, e.recorded_at
from annals.events as e
where e.stream_id = (select stream_id from stream)
  and e.version <= $2
  and e.version >= (select first_version from stream)
order by e.version desc
limit $3
