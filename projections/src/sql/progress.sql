-- Tells how far all slots of a projection have come.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row; position 0 while a slot has not begun, no row when there is no such projection
-- plan index scan on checkpoints_pkey
select p.partitions, p.schema_name,
       (select case when count(*) = p.partitions then min(c.position) else 0 end
        from annals.checkpoints as c
        where c.consumer = p.consumer
          and c.version = p.version) as position
from annals.projections as p
where p.consumer = $1
  and p.version = $2
