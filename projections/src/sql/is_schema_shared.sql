-- Tells whether a projection of another name owns a schema too.
--
-- in   $1  text  schema
--      $2  text  consumer
-- out  one row
-- plan result
-- plan seq scan (a row for each projection)
select exists (select from annals.projections as p where p.schema_name = $1 and p.consumer <> $2)
