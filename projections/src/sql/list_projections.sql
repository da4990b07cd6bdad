-- Lists the projections of a database of read models, with what an operator looks for first.
--
-- out  one row a projection version
-- plan index scan on projections_pkey
select p.consumer, p.version, p.partitions, p.paused, p.standing,
       (select count(*)
        from annals.leases as l
        where l.consumer = p.consumer
          and l.version = p.version
          and l.owner is not null
          and l.lease_until > clock_timestamp()) as leased,
       (select count(*)
        from annals.leases as l
        where l.consumer = p.consumer
          and l.version = p.version
          and l.stopped is not null) as stopped,
       (select coalesce(case when count(*) = p.partitions then min(c.position) end, 0)
        from annals.checkpoints as c
        where c.consumer = p.consumer
          and c.version = p.version) as position,
       (select count(*)
        from (select from annals.parked as k
              where k.consumer = p.consumer
                and k.version = p.version
              group by k.key) as keys) as parked_keys,
       (select count(*)
        from annals.parked as k
        where k.consumer = p.consumer
          and k.version = p.version) as parked_events
from annals.projections as p
order by p.consumer, p.version
