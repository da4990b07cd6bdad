-- Takes an event off the parked ones.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  bigint   position
-- out  no row; 1 row deleted
-- plan index scan on parked_pkey
delete from annals.parked
where consumer = $1
  and version = $2
  and position = $3
