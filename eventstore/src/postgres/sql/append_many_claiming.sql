-- Appends events to several streams, and takes and releases claims for them, all or none.
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
--      $11 text[]     stream of each change of a claim; it is given events
--      $12 text[]     space of its claim
--      $13 text[]     value of its claim
--      $14 boolean[]  whether it takes the claim; else it releases it
-- out  one row for each stream that was given events: its receipt
-- plan function scan
select stream, from_version, to_version, from_position, to_position, already_applied
from annals.append_many_claiming(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
