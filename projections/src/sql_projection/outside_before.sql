-- Lists the relations that are not in the schema of the projection.
--
-- in   $1  text   the schema of the projection
-- out  1 row: their ids
-- plan seq scan on pg_class
select coalesce(pg_catalog.array_agg(class.oid), '{}') as relations
from pg_catalog.pg_class as class
join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
where namespace.nspname not in ($1::text, 'pg_catalog', 'information_schema')
  and namespace.nspname !~ '^pg_(toast|temp)'
