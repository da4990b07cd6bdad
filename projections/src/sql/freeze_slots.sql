-- Locks the checkpoints of a consumer in the order of its slots: from then on none of its batches commits.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row for each slot that has begun, by rising number
-- plan checkpoints_pkey
select partition, position, clock_timestamp() as now
from annals.checkpoints
where consumer = $1
  and version = $2
order by partition
for update
