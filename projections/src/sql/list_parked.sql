-- Lists the parked events of a projection by key, each key in the order in which its events are to be applied.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  most rows to return
-- out  one row an event
-- plan index scan on parked_key_idx
select partition, key, position, event_id, stream_name, event_type, reason, attempts, parked_at
from annals.parked
where consumer = $1
  and version = $2
order by partition, key, position
limit $3::integer
