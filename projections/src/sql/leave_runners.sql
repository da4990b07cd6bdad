-- Removes a runner that leaves.
--
-- in   $1  uuid  runner
-- out  no row
-- plan index scan on runners_pkey
delete from annals.runners where runner_id = $1
