-- Lets reads of a stream begin at a version.
--
-- in   $1  text    stream name
--      $2  bigint  the first version that is read from now on
--      $3  bigint  expected version, as in delete_stream.sql
--      $4  text    reason, or null
-- out  as delete_stream.sql
-- plan function scan
select version, first_version, already_applied
from annals.truncate_stream($1, $2, $3, $4)
