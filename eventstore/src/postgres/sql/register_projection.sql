-- Registers a projection, with the number of slots that its first runner names.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  integer  slots
--      $4  text     the schema that it owns, null for none
-- out  no row; 1 row inserted, or changed when it owns another schema by now
-- plan insert
insert into annals.projections as p (consumer, version, partitions, schema_name)
values ($1, $2, $3, $4)
on conflict (consumer, version) do update set schema_name = excluded.schema_name
where p.schema_name is distinct from excluded.schema_name
