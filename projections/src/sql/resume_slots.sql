-- Lets slots of a projection be taken again that have stopped.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  no row
-- plan update
update annals.leases
set stopped = null
where consumer = $1
  and version = $2
  and stopped is not null
