-- Stops a slot, for the owner that holds it: nobody takes it before it is resumed.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  partition
--      $4  bigint   epoch of the owner
--      $5  text     why
-- out  no row; 1 row changed, or 0 when another owner has taken over
-- plan index scan on leases_pkey
update annals.leases
set owner = null, stopped = $5
where consumer = $1
  and version = $2
  and partition = $3
  and epoch = $4
