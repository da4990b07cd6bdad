-- Deletes a stream; it may begin again.
--
-- in   $1  text    stream name
--      $2  bigint  expected version: -2 any, -4 stream exists, 0 no stream, n > 0 exactly n events
--      $3  text    reason, or null
-- out  one row: the stream's version, the first one that is read now, whether nothing was to be done
-- plan function scan
select version, first_version, already_applied
from annals.delete_stream($1, $2, $3)
