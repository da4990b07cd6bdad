-- Reads one page of a stream, oldest event first.
--
-- in   $1  text    stream name
--      $2  bigint  first version wanted, inclusive
--      $3  bigint  most rows to return
-- out  0 to $3 rows by rising version; an unknown, deleted or tombstoned stream gives none
-- plan index scan on streams_stream_name_key
-- plan index scan on events_stream_id_version_key
select e.position, s.stream_name, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata,
    e.recorded_at
from annals.streams as s
join annals.events as e on e.stream_id = s.stream_id
where s.stream_name = $1
  and s.tombstoned_at is null
  and e.version >= $2
  and e.version >= s.first_version
order by e.version
limit $3
