-- Lists keys that cannot be applied to the tables that a consumer fills, and can to the live ones: each with its first event.
--
-- in   $1  text     the consumer that fills
--      $2  integer  its version
--      $3  text     the live consumer
--      $4  integer  its version
-- out  rows by key, a few; in each the number of all of them
-- plan sort (the parked events of a rebuild)
select n.key, n.position, n.reason, count(*) over () as keys
from (select distinct on (key) key, position, reason
      from annals.parked
      where consumer = $1
        and version = $2
      order by key, position) as n
where not exists (select from annals.parked as o where o.consumer = $3 and o.version = $4 and o.key = n.key)
order by n.key
limit 1
