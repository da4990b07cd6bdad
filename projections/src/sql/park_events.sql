-- Parks events, in the transaction that moves the checkpoint past them.
--
-- in   $1   text       consumer
--      $2   integer    version
--      $3   integer    partition
--      $4   text[]     keys
--      $5   bigint[]   positions
--      $6   uuid[]     event ids
--      $7   text[]     streams
--      $8   text[]     event types
--      $9   text[]     reasons, null for an event that only waits
--      $10  integer[]  how often each was tried
-- out  no row
-- plan insert
insert into annals.parked
    (consumer, version, partition, key, position, event_id, stream_name, event_type, reason, attempts)
select $1, $2, $3, e.key, e.position, e.event_id, e.stream_name, e.event_type, e.reason, e.attempts
from unnest($4::text[], $5::bigint[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::integer[])
    as e (key, position, event_id, stream_name, event_type, reason, attempts)
