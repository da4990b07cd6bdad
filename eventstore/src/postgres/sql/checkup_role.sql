-- Tells who is asking, and who owns the log.
--
-- out  one row; is_owner also for whoever may act as the owner; has_roles tells whether somebody else than the owner may
--      remove events, as `annals db roles` makes it
-- plan result
select current_user::text as role_name,
    (select r.rolsuper from pg_roles as r where r.rolname = current_user) as is_superuser,
    (select pg_get_userbyid(n.nspowner)::text from pg_namespace as n where n.oid = 'annals'::regnamespace) as owner_name,
    (select pg_has_role(current_user, n.nspowner, 'member') from pg_namespace as n
     where n.oid = 'annals'::regnamespace) as is_owner,
    exists (
        select from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace
        where p.oid = to_regprocedure('annals.remove_events(bigint, bigint, bigint)')
          and p.proowner <> n.nspowner) as has_roles
