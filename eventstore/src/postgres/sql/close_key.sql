-- Closes an idempotency key that was not used yet.
--
-- in   $1  uuid  idempotency key
-- out  no row where it is closed now; else the receipts of the append that used it
-- plan function scan
select stream, from_version, to_version, from_position, to_position, already_applied
from annals.close_key($1)
