-- Releases a claim in place of the stream that holds it.
--
-- in   $1  text  space
--      $2  text  value
--      $3  text  reason, not empty
--      $4  text  name of the stream that must hold it, or null for any
-- out  1 row: the stream that held it, and since when
-- plan function scan
select stream, claimed_at
from annals.release_claim($1, $2, $3, $4)
