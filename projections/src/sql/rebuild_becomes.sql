-- Notes where a rebuild stands, whose row the caller has locked.
--
-- in   $1  bigint   rebuild
--      $2  text     state
--      $3  text     why it has failed, null where it has not, or where that was said before
--      $4  boolean  whether it has ended
-- out  no row; 1 row changed
-- plan index scan on rebuilds_pkey
update annals.rebuilds
set state = $2, failure = coalesce(failure, $3), waits_for = null,
    began_at = coalesce(began_at, clock_timestamp()),
    ended_at = case when $4 then clock_timestamp() end
where rebuild_id = $1
