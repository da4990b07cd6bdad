-- Lists what is in a schema, each as SQL names it for `drop`. What goes with something else is left out: indexes, the
-- sequences and types of tables.
--
-- in   $1  text  schema
-- out  one row an object; tables together in one row
-- plan append
select format('table %s', string_agg(format('%I.%I', $1::text, c.relname), ', ')) as object
from pg_class as c
where c.relnamespace = to_regnamespace(quote_ident($1::text)) and c.relkind in ('r', 'p')
  and not c.relispartition
having count(*) > 0
union all
select format('%s %I.%I', case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
                          when 'S' then 'sequence' else 'type' end, $1::text, c.relname)
from pg_class as c
where c.relnamespace = to_regnamespace(quote_ident($1::text)) and c.relkind in ('v', 'm', 'f', 'S', 'c')
  and not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                  and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass)
union all
select format('routine %s', p.oid::regprocedure)
from pg_proc as p
where p.pronamespace = to_regnamespace(quote_ident($1::text))
union all
select format('%s %I.%I', case t.typtype when 'd' then 'domain' else 'type' end, $1::text, t.typname)
from pg_type as t
where t.typnamespace = to_regnamespace(quote_ident($1::text)) and t.typtype in ('d', 'e', 'r')
