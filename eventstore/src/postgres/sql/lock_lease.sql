-- Locks the lease of a slot that may be taken; of two who want it one gets the row.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  partition
-- out  one row, or none when somebody else is at it, the slot has stopped, the projection is paused or its tables are
--      another version's
-- plan index scan on leases_pkey
select l.owner, l.epoch, l.lease_until, clock_timestamp() as now
from annals.leases as l
join annals.projections as p on p.consumer = l.consumer and p.version = l.version
where l.consumer = $1
  and l.version = $2
  and l.partition = $3
  and l.stopped is null
  and not p.paused
  and p.standing = 'live'
for update of l skip locked
