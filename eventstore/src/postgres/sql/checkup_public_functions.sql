-- Counts the functions of the log that everybody may call who may use its schema.
--
-- out  one row
-- plan aggregate
select count(*) as functions
from pg_proc as p
where p.pronamespace = 'annals'::regnamespace
  and exists (
      select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
      where a.grantee = 0 and a.privilege_type = 'EXECUTE')
