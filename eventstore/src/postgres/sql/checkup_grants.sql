-- Lists the rights with which somebody else than the log's functions could change it: rights to write its tables and
-- its sequence, held by others than their owner, and to call the function that removes events.
--
-- out  one row for each thing and role: thing, role_name ('public' for everybody), rights
-- plan sort (of the rights)
with rights as (
    select c.relname::text as thing, c.relowner as owner, a.grantee, a.privilege_type
    from pg_class as c, aclexplode(c.relacl) as a
    where c.relnamespace = 'annals'::regnamespace
      and c.relname in ('streams', 'events', 'events_position_seq', 'idempotency_keys', 'idempotency_parts', 'claims',
                        'claim_releases',
                        'lineage', 'scrubbed', 'deletions', 'migrations')
    union all
    select c.relname, c.relowner, a.grantee, a.privilege_type
    from pg_class as c
    join pg_attribute as column_of on column_of.attrelid = c.oid, aclexplode(column_of.attacl) as a
    where c.relnamespace = 'annals'::regnamespace
      and c.relname in ('streams', 'events')
    union all
    select p.proname || '()', p.proowner, a.grantee, a.privilege_type
    from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where p.oid = to_regprocedure('annals.remove_events(bigint, bigint, bigint)')
)
select rights.thing, coalesce(r.rolname::text, 'public') as role_name,
    string_agg(distinct lower(rights.privilege_type), ', ' order by lower(rights.privilege_type)) as rights
from rights
left join pg_roles as r on r.oid = rights.grantee
where rights.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'USAGE', 'EXECUTE')
  and rights.grantee <> rights.owner
  -- The owner of the schema calls the function for whoever may scrub; the owner of the function may what that one does.
  and rights.grantee not in (
      select n.nspowner from pg_namespace as n where n.oid = 'annals'::regnamespace
      union all
      select p.proowner from pg_proc as p
      where p.oid = to_regprocedure('annals.remove_events(bigint, bigint, bigint)'))
group by rights.thing, coalesce(r.rolname::text, 'public')
order by rights.thing, role_name
