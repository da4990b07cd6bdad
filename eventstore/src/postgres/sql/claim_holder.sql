-- Tells which stream holds a claim.
--
-- in   $1  text  space
--      $2  text  value
-- out  0 or 1 row
-- plan function scan
select stream
from annals.claim_holder($1, $2)
