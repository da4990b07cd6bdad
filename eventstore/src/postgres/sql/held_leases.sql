-- Locks the leases that one runner holds.
--
-- in   $1  uuid  runner
-- out  one row a lease
-- plan index scan on leases_owner_idx
select consumer, version, partition, owner, epoch, lease_until, clock_timestamp() as now
from annals.leases
where owner = $1
for update
