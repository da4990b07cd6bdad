-- Reads one page of settled events behind a position, the head they were read up to, and what holds events back.
--
-- in   $1  bigint   position, exclusive
--      $2  integer  most rows to return
--      $3  uuid     id of the event that stands at that position (LG014 where it does not), or null
-- out  1 to $2 rows by rising position, each with both marks; one row with the marks alone when there is none
-- plan function scan
select head, held_back_at, position, stream, version, event_id, event_type,
    schema_version, data, metadata, recorded_at
from annals.read_log_page($1, $2, $3)
