-- Lists what stands outside of a schema on something inside it, and what was put into it, or on its tables, that another
-- schema lacks. After the two changed places it would go on standing on what was replaced, or be gone.
--
-- in   $1  text  the schema
--      $2  text  the schema that is to take its place
-- out  0 or more rows by name
-- plan sort (a handful of names)
with place as (
    select n.oid as ns, s.oid as other from pg_namespace as n, pg_namespace as s
    where n.nspname = $1::text and s.nspname = $2::text
), inside as (
    select 'pg_namespace'::regclass::oid as classid, ns as objid from place
    union all select 'pg_class'::regclass, c.oid from pg_class as c, place where c.relnamespace = ns
    union all select 'pg_type'::regclass, t.oid from pg_type as t, place where t.typnamespace = ns
    union all select 'pg_proc'::regclass, p.oid from pg_proc as p, place where p.pronamespace = ns
), standing as (
    select distinct d.classid, d.objid
    from inside as i
    join pg_depend as d on d.refclassid = i.classid and d.refobjid = i.objid
    where d.deptype in ('n', 'a')
      and d.classid not in ('pg_default_acl'::regclass, 'pg_trigger'::regclass)
), outside as (
    select s.classid, s.objid
    from standing as s, place
    where not exists (select from inside as i where i.classid = s.classid and i.objid = s.objid)
      and not exists (select from pg_constraint as c
                      where s.classid = 'pg_constraint'::regclass and c.oid = s.objid and c.connamespace = ns)
      and not exists (select from pg_attrdef as a join pg_class as c on c.oid = a.adrelid
                      where s.classid = 'pg_attrdef'::regclass and a.oid = s.objid and c.relnamespace = ns)
      and not exists (select from pg_rewrite as r join pg_class as c on c.oid = r.ev_class
                      where s.classid = 'pg_rewrite'::regclass and r.oid = s.objid and c.relnamespace = ns)
      and not exists (select from pg_policy as y join pg_class as c on c.oid = y.polrelid
                      where s.classid = 'pg_policy'::regclass and y.oid = s.objid and c.relnamespace = ns)
      and not exists (select from pg_statistic_ext as e
                      where s.classid = 'pg_statistic_ext'::regclass and e.oid = s.objid and e.stxnamespace = ns)
      -- What a view outside is made of is told by the view.
      and not exists (select from pg_type as t join pg_class as c on c.oid = t.typrelid
                      where s.classid = 'pg_type'::regclass and t.oid = s.objid and c.relnamespace <> ns)
), lacking as (
    select case c.relkind when 'v' then 'view ' else 'materialized view ' end || format('%I.%I', $1::text, c.relname) as name
    from pg_class as c, place
    where c.relnamespace = ns and c.relkind in ('v', 'm')
      and not exists (select from pg_class as o where o.relnamespace = other and o.relname = c.relname)
    union all
    select format('routine %s', p.oid::regprocedure)
    from pg_proc as p, place
    where p.pronamespace = ns
      and not exists (select from pg_proc as o where o.pronamespace = other and o.proname = p.proname)
    union all
    select format('policy %I on %I.%I', y.polname, $1::text, c.relname)
    from place
    join pg_class as c on c.relnamespace = ns
    join pg_policy as y on y.polrelid = c.oid
    where not exists (select from pg_class as o join pg_policy as z on z.polrelid = o.oid
                      where o.relnamespace = other and o.relname = c.relname and z.polname = y.polname)
    union all
    select format('row security of %I.%I', $1::text, c.relname)
    from place
    join pg_class as c on c.relnamespace = ns and c.relrowsecurity
    where not exists (select from pg_class as o
                      where o.relnamespace = other and o.relname = c.relname and o.relrowsecurity)
    union all
    select format('trigger %I on %I.%I', g.tgname, $1::text, c.relname)
    from place
    join pg_class as c on c.relnamespace = ns
    join pg_trigger as g on g.tgrelid = c.oid and not g.tgisinternal
    where not exists (select from pg_class as o join pg_trigger as h on h.tgrelid = o.oid
                      where o.relnamespace = other and o.relname = c.relname and h.tgname = g.tgname)
)
select distinct name
from (select case when o.classid = 'pg_rewrite'::regclass
                  then (select pg_describe_object('pg_class'::regclass, r.ev_class, 0) from pg_rewrite as r where r.oid = o.objid)
                  else pg_describe_object(o.classid, o.objid, 0) end as name
      from outside as o
      union all
      select name from lacking) as names
order by name
