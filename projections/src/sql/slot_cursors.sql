-- Tells where the checkpoints of a consumer stand.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row for each slot that has begun
-- plan checkpoints_pkey
select partition, position, event_id
from annals.checkpoints
where consumer = $1
  and version = $2
