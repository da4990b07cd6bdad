-- Tells what came of a request.
--
-- in   $1  bigint  request
-- out  one row; null while it is not done
-- plan index scan on control_pkey
select outcome
from annals.control
where control_id = $1
