-- Lists the parked events of a key, in the order in which they are to be applied.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  partition
--      $4  text     key
--      $5  integer  most rows to return
-- out  rows by rising position
-- plan index scan on parked_key_idx
select position, event_id
from annals.parked
where consumer = $1
  and version = $2
  and partition = $3
  and key = $4
order by position
limit $5::integer
