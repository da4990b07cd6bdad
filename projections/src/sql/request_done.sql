-- Notes what came of a request.
--
-- in   $1  bigint  request
--      $2  text    what came of it
-- out  no row; 1 row changed
-- plan index scan on control_pkey
update annals.control
set done_at = clock_timestamp(), outcome = $2
where control_id = $1
