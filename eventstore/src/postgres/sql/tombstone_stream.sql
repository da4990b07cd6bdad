-- Ends a stream for ever.
--
-- in   $1  text    stream name
--      $2  bigint  expected version, as in delete_stream.sql
--      $3  text    reason, or null
-- out  as delete_stream.sql
-- plan function scan
select version, first_version, already_applied
from annals.tombstone_stream($1, $2, $3)
