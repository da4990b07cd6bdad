-- Lists the tables and views that this transaction has locked and that are not in the schema of the projection.
--
-- The server locks whatever a statement names, at the latest when it is prepared, and what a view stands on as well.
-- So this is what it will read and change, whichever names it writes; functions and triggers are looked into by nobody.
--
-- in   $1  text     the schema of the projection
--      $2  boolean  whether what is only read counts
--      $3  oid[]    the relations outside that were there before: of them those that are gone count, too
-- out  0 or more rows by name
-- plan function scan on pg_lock_status, a handful of rows for this session
select distinct
    case
        when class.oid is null then 'what it drops'
        else pg_catalog.format('%I.%I', namespace.nspname, class.relname)
    end as relation
from pg_catalog.pg_locks as lock
left join pg_catalog.pg_class as class on class.oid = lock.relation
left join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
where lock.pid = pg_catalog.pg_backend_pid()
  and lock.locktype = 'relation'
  and (lock.mode <> 'AccessShareLock' or $2::boolean)
  and case
          when class.oid is null then lock.relation = any ($3::oid[])
          else namespace.nspname not in ($1::text, 'pg_catalog', 'information_schema')
               and namespace.nspname !~ '^pg_(toast|temp)'
      end
order by relation
