-- Lists the tables of a schema, quoted for SQL.
--
-- in   $1  text  schema
-- out  one row a table
-- plan sort (by the schema's name)
select format('%I.%I', n.nspname, c.relname) as name
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = $1::text
  and c.relkind in ('r', 'p')
order by c.relname
