-- Notes that a rebuild cannot go on; whoever comes next removes what there is of it.
--
-- in   $1  bigint  rebuild
--      $2  text    why
-- out  no row; 1 row changed, or 0 when it is past its swap or ends already
-- plan index scan on rebuilds_pkey
update annals.rebuilds
set state = 'failing', failure = $2, waits_for = null
where rebuild_id = $1
  and state in ('asked', 'filling')
