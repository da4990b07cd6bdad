-- Lists the versions of a projection that say that they own a schema.
--
-- in   $1  text  consumer
--      $2  text  schema
-- out  one row a version
-- plan projections (a row for each version of each projection)
select version, standing
from annals.projections
where consumer = $1
  and schema_name = $2
