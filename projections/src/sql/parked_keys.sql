-- Tells the keys of the parked events of a slot, as often as each has one.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  partition
-- out  one row an event, as many as the policy of the projection allows
-- plan parked_key_idx
select key
from annals.parked
where consumer = $1
  and version = $2
  and partition = $3
