-- Asks the owner of a slot to do something about a key; the request names the event that is parked first by now.
--
-- in   $1  text     consumer
--      $2  integer  version
--      $3  text     key
--      $4  text     verb: retry, discard
--      $5  text     why
-- out  one row, or none when the key has no parked event
-- plan insert
-- plan sort (of the parked events of a key, of which there is a limited number)
insert into annals.control (consumer, version, partition, verb, key, reason, position)
select p.consumer, p.version, p.partition, $4, p.key, $5, p.position
from annals.parked as p
where p.consumer = $1
  and p.version = $2
  and p.key = $3
order by p.position
limit 1
returning control_id
