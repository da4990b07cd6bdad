-- Tells whether events of a key up to a position are parked.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  text     key
--      $4  bigint   position
-- out  one row
-- plan result
select exists (
    select
    from annals.parked
    where consumer = $1
      and version = $2
      and key = $3
      and position <= $4
) as is_parked
