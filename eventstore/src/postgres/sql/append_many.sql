-- Appends events to several streams, all or none.
--
-- in   $1  text[]     stream names, each once
--      $2  bigint[]   expected versions, one a stream: as in append.sql
--      $3  integer[]  numbers of events, one a stream; 0 where the stream is only checked
--      $4  uuid[]     event ids, stream after stream
--      $5  text[]     event types
--      $6  integer[]  schema versions
--      $7  json[]     data
--      $8  json[]     metadata, each an object or null
--      $9  uuid       idempotency key, or null
--      $10 bytea      fingerprint, or null for the log's own hash
-- out  one row for each stream that was given events: its receipt
-- plan function scan
select stream, from_version, to_version, from_position, to_position, already_applied
from annals.append_many_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
