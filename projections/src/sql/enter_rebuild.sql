-- Tells whether a rebuild still waits for its tables, and nobody else is making them.
--
-- in   $1  bigint  rebuild
-- out  one row
-- plan result
select pg_try_advisory_xact_lock(1634627169, hashtext('rebuild ' || $1::bigint::text))
       and exists (select from annals.rebuilds as r where r.rebuild_id = $1 and r.state = 'asked')
