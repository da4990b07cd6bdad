-- Makes a row for the lease of each slot that has none.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  no row
-- plan insert
insert into annals.leases (consumer, version, partition)
select p.consumer, p.version, slot
from annals.projections as p
cross join generate_series(0, p.partitions - 1) as slot
where p.consumer = $1
  and p.version = $2
on conflict do nothing
