-- Shows the last rebuild of a projection, with how far the slots have come that it fills.
--
-- in   $1  text  consumer
--      $2  text  what the names of consumers that fill begin with
-- out  one row, or none when there never was one; position 0 while a slot has not begun
-- plan rebuilds_consumer_idx
select r.rebuild_id, r.version, r.replaces, r.state, r.waits_for, r.failure, r.throttle, r.keeps_old, r.reason, r.asked_by,
       r.asked_at, r.began_at, r.swapped_at, r.ended_at, r.handed_over,
       extract(epoch from r.swapped_at - r.frozen_at)::float8 as frozen_seconds,
       extract(epoch from coalesce(r.swapped_at, r.ended_at, clock_timestamp()) - r.began_at)::float8 as seconds,
       (select case when count(*) = max(p.partitions) then min(c.position) else 0 end
        from annals.checkpoints as c
        join annals.projections as p on p.consumer = c.consumer and p.version = c.version
        where c.consumer = $2 || r.rebuild_id::text
          and c.version = r.version) as position
from annals.rebuilds as r
where r.consumer = $1
order by r.rebuild_id desc
limit 1
