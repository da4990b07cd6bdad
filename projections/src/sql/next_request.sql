-- Takes the oldest request to the owner of a slot that is not done yet.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  partition
-- out  one row, or none
-- plan index scan on control_open_idx
select control_id, verb, key, reason, asked_by, position
from annals.control
where consumer = $1
  and version = $2
  and partition = $3
  and done_at is null
order by control_id
limit 1
for update
