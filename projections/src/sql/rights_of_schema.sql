-- Tells what gives a schema the owners and rights of another one, as far as both have the same tables, views, sequences and
-- routines: statements, to be carried out in this order.
--
-- in   $1  text     the schema that has them
--      $2  text     the schema that gets them
--      $3  boolean  whether owners are changed, too: that locks what is given away
-- out  one row a statement
-- plan sort (the objects of two schemas)
with place as (
    select n.oid as ns, n.nspacl, n.nspowner, s.oid as other, s.nspowner as other_owner, s.nspacl as other_acl
    from pg_namespace as n, pg_namespace as s
    where n.nspname = $1::text and s.nspname = $2::text
), relations as (
    select c.oid, c.relacl, c.relowner, o.oid as to_oid, o.relowner as to_owner, o.relkind,
           case o.relkind when 'S' then 'sequence' else 'table' end || format(' %I.%I', $2::text, o.relname) as target,
           exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = o.oid
                   and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass) as is_owned
    from place
    join pg_class as c on c.relnamespace = ns
    join pg_class as o on o.relnamespace = other and o.relname = c.relname and (o.relkind = 'S') = (c.relkind = 'S')
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and o.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
), routines as (
    select p.proacl, p.proowner, o.proowner as to_owner, format('routine %s', o.oid::regprocedure) as target
    from place
    join pg_proc as p on p.pronamespace = ns
    join pg_proc as o on o.pronamespace = other and o.proname = p.proname and o.proargtypes = p.proargtypes
), rights (nth, target, grantee, privilege, is_grantable) as (
    select 3, format('schema %I', $2::text), a.grantee, a.privilege_type, a.is_grantable
    from place, aclexplode(nspacl) as a where a.grantee <> nspowner
    union all
    select 3, r.target, a.grantee, a.privilege_type, a.is_grantable
    from relations as r, aclexplode(r.relacl) as a where a.grantee <> r.relowner
    union all
    select 3, r.target, a.grantee, format('%s (%I)', a.privilege_type, t.attname), a.is_grantable
    from relations as r
    join pg_attribute as t on t.attrelid = r.oid and t.attacl is not null
    join pg_attribute as o on o.attrelid = r.to_oid and o.attname = t.attname and not o.attisdropped
    cross join aclexplode(t.attacl) as a
    where a.grantee <> r.relowner
    union all
    select 3, r.target, a.grantee, a.privilege_type, a.is_grantable
    from routines as r, aclexplode(r.proacl) as a where a.grantee <> r.proowner
), statements (nth, text) as (
    select 1, format('alter schema %I owner to %s', $2::text, nspowner::regrole)
    from place where $3 and nspowner <> other_owner
    union all
    select 1, format('alter %s owner to %s', r.target, r.relowner::regrole)
    from relations as r where $3 and r.relowner <> r.to_owner and not r.is_owned
    union all
    select 1, format('alter %s owner to %s', r.target, r.proowner::regrole)
    from routines as r where $3 and r.proowner <> r.to_owner
    union all
    -- Everybody may call a routine unless told otherwise.
    select 2, format('revoke all on %s from public', r.target)
    from routines as r where r.proacl is not null
    union all
    select r.nth, format('grant %s on %s to %s%s', r.privilege, r.target,
                         case when r.grantee = 0 then 'public' else r.grantee::regrole::text end,
                         case when r.is_grantable then ' with grant option' else '' end)
    from rights as r
    union all
    select 4, format('alter default privileges for role %s in schema %I grant %s on %s to %s%s', d.defaclrole::regrole,
                     $2::text, a.privilege_type,
                     case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'routines'
                     else 'types' end,
                     case when a.grantee = 0 then 'public' else a.grantee::regrole::text end,
                     case when a.is_grantable then ' with grant option' else '' end)
    from place
    join pg_default_acl as d on d.defaclnamespace = ns
    cross join aclexplode(d.defaclacl) as a
)
select text from statements order by nth, text
