-- Forgets a consumer with its slots, checkpoints, parked events and requests.
--
-- in   $1  text     consumer
--      $2  integer  version
-- out  no row
-- plan delete
with checkpoints as (delete from annals.checkpoints where consumer = $1 and version = $2),
     parked as (delete from annals.parked where consumer = $1 and version = $2),
     control as (delete from annals.control where consumer = $1 and version = $2)
delete from annals.projections where consumer = $1 and version = $2
