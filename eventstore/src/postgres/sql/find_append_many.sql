-- Finds the receipts of an append that was stored under an idempotency key, to any number of streams.
--
-- in   $1  uuid   idempotency key
--      $2  bytea  fingerprint it must have, or null for any; LG003 when it has another
-- out  one row for each stream that was given events
-- plan function scan
select stream, from_version, to_version, from_position, to_position, already_applied
from annals.receipts_under_key($1, $2)
