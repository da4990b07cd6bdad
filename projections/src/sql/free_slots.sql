-- Takes the slots of a projection from their owners, who find out at their next look.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  no row
-- plan update
update annals.leases
set owner = null
where consumer = $1
  and version = $2
