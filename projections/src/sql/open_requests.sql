-- Lists the slots of a projection whose owners are asked for something.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row a request, without a slot where all of them are asked
-- plan control_open_idx
select partition
from annals.control
where consumer = $1
  and version = $2
  and done_at is null
