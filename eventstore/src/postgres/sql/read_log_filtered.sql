-- Reads one page of settled events that pass a filter, the head they were read up to, and what holds events back.
--
-- in   $1  bigint       position, exclusive
--      $2  integer      most rows to return
--      $3  boolean      whether to read what lies before the position, newest first
--      $4  text[]       streams that are wanted, or null for all
--      $5  text[]       categories, or null for all
--      $6  text[]       event types, or null for all
--      $7  uuid[]       event ids, or null for all
--      $8  text         correlation id, or null for any
--      $9  text         causation id, or null for any
--      $10 timestamptz  recorded then or later, or null
--      $11 timestamptz  recorded before then, or null
-- out  1 to $2 rows in the order asked for, each with both marks; one row with the marks alone when there is none
-- plan function scan
select head, held_back_at, position, stream, version, event_id, event_type,
    schema_version, data, metadata, recorded_at
from annals.read_filtered_page($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
