-- Lists the slots of a projection: who has them, and how far they have come.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row a slot, by rising number; `is_free` by the clock of the database
-- plan sort (the slots of one projection)
select l.partition, l.owner, l.epoch, l.lease_until, l.stopped, p.paused or p.standing <> 'live' as paused,
       p.standing = 'replaced' as is_replaced,
       l.owner is null or l.lease_until <= clock_timestamp() as is_free,
       clock_timestamp() as now, coalesce(c.position, 0) as position
from annals.leases as l
join annals.projections as p on p.consumer = l.consumer and p.version = l.version
left join annals.checkpoints as c
       on c.consumer = l.consumer and c.version = l.version and c.partition = l.partition
where l.consumer = $1
  and l.version = $2
order by l.partition
