-- Tells how far each slot of a projection has come.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row for each slot that has begun, or a single one without a slot; none when there is no such projection
-- plan index scan on checkpoints_pkey
select p.partitions, c.partition, c.position
from annals.projections as p
left join annals.checkpoints as c on c.consumer = p.consumer and c.version = p.version
where p.consumer = $1
  and p.version = $2
