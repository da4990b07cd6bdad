-- Appends the events of several decisions to one stream.
--
-- in   $1   text       stream name
--      $2   bigint     expected version: 0 no stream, n > 0 exactly n events
--      $3   uuid[]     event ids
--      $4   text[]     event types
--      $5   integer[]  schema versions
--      $6   json[]     data
--      $7   json[]     metadata, each an object or null
--      $8   integer[]  how many events each decision has
--      $9   uuid[]     idempotency key of each decision, or null
--      $10  bytea[]    fingerprint of each decision, or null for the log's own hash
--      $11  text[]     spaces of claims
--      $12  text[]     values of claims
--      $13  boolean[]  whether each is to be taken
--      $14  boolean[]  whether each is held in the end
-- out  status stored: one row a decision; else one row for each whose key was used before
-- plan function scan
select decision, status, from_version, to_version, from_position, to_position, already_applied
from annals.append_decisions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
