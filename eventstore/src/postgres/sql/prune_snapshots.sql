-- Removes the snapshots of a kind that have another shape.
--
-- in   $1  text  kind
--      $2  text  shape that stays
-- out  one row: how many there were
-- plan result
select annals.prune_snapshots($1, $2)
