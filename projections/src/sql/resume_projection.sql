-- Lets a projection go on that was paused.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  one row, or none when there is no such projection
-- plan update
update annals.projections
set paused = false
where consumer = $1
  and version = $2
returning consumer
