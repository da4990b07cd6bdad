-- Lists the runners that host a projection and are alive, each with the number of slots that it works on.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row a runner
-- plan index scan on leases_owner_idx
select r.runner_id, r.name, r.address, r.build, r.started_at,
       (select count(*)
        from annals.leases as l
        where l.owner = r.runner_id
          and l.consumer = r.consumer
          and l.version = r.version
          and l.lease_until > clock_timestamp()) as slots
from annals.runners as r
where r.consumer = $1
  and r.version = $2
  and r.alive_until > clock_timestamp()
