-- Lists the sessions of this database that others have opened and that nothing keeps from changing events: those of
-- superusers, and of roles that own the log or may act as its owner.
--
-- out  one row for each role and application: how many there are
-- plan sort (of the sessions)
select r.rolname::text as role_name, coalesce(s.application_name, '') as application_name, count(*) as sessions
from pg_stat_activity as s
join pg_roles as r on r.oid = s.usesysid
where s.datname = current_database()
  and r.rolname <> session_user
  and (   r.rolsuper
       or pg_has_role(r.oid, (select n.nspowner from pg_namespace as n where n.oid = 'annals'::regnamespace), 'member'))
group by r.rolname, s.application_name
order by r.rolname, s.application_name
