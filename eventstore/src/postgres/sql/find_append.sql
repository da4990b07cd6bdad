-- Finds the receipt of an append that was stored under an idempotency key.
--
-- in   $1  uuid   idempotency key
--      $2  bytea  fingerprint it must have, or null for any; LG003 when it has another
-- out  0 or 1 row
-- plan function scan
select from_version, to_version, from_position, to_position, already_applied
from annals.receipt_under_key($1, $2)
