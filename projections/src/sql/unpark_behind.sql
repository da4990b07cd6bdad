-- Takes parked events off that will come again.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  bigint   position behind which events come again
-- out  no row
-- plan delete
delete from annals.parked
where consumer = $1
  and version = $2
  and position > $3
