-- Registers a version of a projection that is to be built beside an older one, with as many slots.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  the older version
-- out  no row
-- plan insert
insert into annals.projections as p (consumer, version, partitions, schema_name, standing)
select o.consumer, $2, o.partitions, o.schema_name, 'building'
from annals.projections as o
where o.consumer = $1
  and o.version = $3
on conflict (consumer, version) do update set standing = 'building', schema_name = excluded.schema_name
