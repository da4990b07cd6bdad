-- Lists the slots of a projection whose owners are asked for something. What every slot has passed is asked of nobody any more.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row a request, without a slot where all of them are asked
-- plan control_open_idx
select r.partition
from annals.control as r
where r.consumer = $1
  and r.version = $2
  and r.done_at is null
  and (r.partition is not null
       or r.position is null
       or r.position > (
           select coalesce(min(c.position), 0)
           from annals.checkpoints as c
           where c.consumer = $1
             and c.version = $2))
