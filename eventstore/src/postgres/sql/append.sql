-- Appends events to one stream.
--
-- in   $1  text       stream name
--      $2  bigint     expected version: -2 any, -4 stream exists, 0 no stream, n > 0 exactly n events
--      $3  uuid[]     event ids
--      $4  text[]     event types
--      $5  integer[]  schema versions
--      $6  json[]     data
--      $7  json[]     metadata, each an object or null
--      $8  uuid       idempotency key, or null
--      $9  bytea      fingerprint, or null for the log's own hash
-- out  one row: the receipt
-- plan function scan
select from_version, to_version, from_position, to_position, already_applied
from annals.append_events($1, $2, $3, $4, $5, $6, $7, $8, $9)
