-- Reads one page of settled events before a position, newest first.
--
-- in   $1  bigint  position, exclusive
--      $2  bigint  the head, read by an earlier statement
--      $3  bigint  most rows to return
-- out  0 to $3 rows by falling position
-- plan index scan on events_pkey
select e.position, s.stream_name, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata,
    e.recorded_at
from annals.events as e
join annals.streams as s on s.stream_id = e.stream_id
where e.position < $1
  and e.position <= $2
order by e.position desc
limit $3
