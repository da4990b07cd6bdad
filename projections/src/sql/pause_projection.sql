-- Pauses a projection: its owners finish the batch at hand and give their slots back.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row, or none when there is no such projection
-- plan update
update annals.projections
set paused = true
where consumer = $1
  and version = $2
returning consumer
