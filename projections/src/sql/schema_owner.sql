-- Tells who owns a schema, and whether this session may rename it.
--
-- in   $1  text  schema
-- out  one row, or none when there is no such schema
-- plan pg_namespace
select n.nspowner::regrole::text as owner, current_user::text as me,
       pg_has_role(current_user, n.nspowner, 'usage')
           and has_database_privilege(current_database(), 'create') as may_rename,
       exists (select from pg_class as c where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm')) as has_tables
from pg_namespace as n
where n.nspname = $1::text
