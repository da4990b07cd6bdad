-- Removes one batch of the events that a stream no longer shows, in a transaction of its own.
--
-- in   $1  text     stream name
--      $2  text     reason, or null
--      $3  integer  most events and keys to remove
-- out  one row: events and keys removed, whether nothing is left to remove
-- plan function scan
select events_removed, keys_removed, done
from annals.scrub_stream($1, $2, $3)
