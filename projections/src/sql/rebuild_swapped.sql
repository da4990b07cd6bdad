-- Notes that the tables have changed places, whose row the caller has locked.
--
-- in   $1  bigint       rebuild
--      $2  text         state
--      $3  timestamptz  since when no batch could commit
--      $4  bigint[]     how far each slot had come, slot 0 first
--      $5  boolean      whether the rebuild has ended
-- out  no row; 1 row changed
-- plan index scan on rebuilds_pkey
update annals.rebuilds
set state = $2, frozen_at = $3, handed_over = $4, swapped_at = clock_timestamp(), waits_for = null,
    ended_at = case when $5 then clock_timestamp() end
where rebuild_id = $1
