-- Takes the slots of a projection from their owners, who find out at their next look. Leases that somebody is just about to
-- change are left alone: a checkpoint under a new epoch refuses their owners as well, only later.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  no row
-- plan update
update annals.leases
set owner = null
where ctid in (
    select ctid from annals.leases where consumer = $1 and version = $2 for update skip locked)
