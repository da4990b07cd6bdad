-- Tells which version of a projection fills the tables in a schema.
--
-- in   $1  text  consumer
--      $2  text  schema
-- out  one row, or none
-- plan projections_pkey
select version
from annals.projections
where consumer = $1
  and schema_name = $2
  and standing = 'live'
order by version desc
limit 1
