-- Lists the rebuilds that are under way, each with what is said of the tables that it replaces.
--
-- out  one row a rebuild
-- plan rebuilds_open_idx
select r.rebuild_id, r.consumer, r.version, r.replaces, r.state, r.verification, r.throttle, r.keeps_old, r.reason,
       r.asked_by, p.schema_name, p.partitions
from annals.rebuilds as r
join annals.projections as p on p.consumer = r.consumer and p.version = r.replaces
where r.ended_at is null
