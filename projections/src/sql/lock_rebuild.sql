-- Locks a rebuild for the one who does its next step.
--
-- in   $1  bigint  rebuild
-- out  one row, or none when somebody else is at it
-- plan index scan on rebuilds_pkey
select state
from annals.rebuilds
where rebuild_id = $1
for update skip locked
