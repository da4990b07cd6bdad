-- Reads a checkpoint again, for the owner that claimed it.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  partition
--      $4  bigint   epoch of the owner
-- out  one row, or none when another owner has taken over
-- plan index scan on checkpoints_pkey
select lineage, position, event_id
from annals.checkpoints
where consumer = $1
  and version = $2
  and partition = $3
  and epoch = $4
