-- Lists the tables and views of a schema that this transaction has named: the server locks whatever a statement reads or
-- changes. What was rolled back to a savepoint does not count.
--
-- in   $1  text  schema
-- out  0 or more rows by name, quoted for SQL
-- plan pg_lock_status (every lock there is)
-- plan sort (a handful of names)
select distinct format('%I.%I', n.nspname, c.relname) as name
from pg_locks as l
join pg_class as c on c.oid = l.relation
join pg_namespace as n on n.oid = c.relnamespace
where l.pid = pg_backend_pid()
  and l.locktype = 'relation'
  and n.nspname = $1::text
order by name
