-- Notes that a parked event was tried again and could not be applied.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  bigint   position
--      $4  text     why
-- out  no row; 1 row changed
-- plan index scan on parked_pkey
update annals.parked
set reason = $4, attempts = attempts + 1
where consumer = $1
  and version = $2
  and position = $3
