-- Notes what a rebuild waits for.
--
-- in   $1  bigint  rebuild
--      $2  text    for what, null for nothing
-- out  no row; 1 row changed, or 0 when that was said before
-- plan index scan on rebuilds_pkey
update annals.rebuilds
set waits_for = $2
where rebuild_id = $1
  and ended_at is null
  and waits_for is distinct from $2
