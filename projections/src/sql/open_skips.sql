-- Lists the events of a projection that are to be skipped and were not met yet.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row a request
-- plan control_open_idx
select control_id, position, reason, asked_by
from annals.control
where consumer = $1
  and version = $2
  and done_at is null
  and partition is null
