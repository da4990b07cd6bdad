-- Tells which stream holds a claim, and since when.
--
-- in   $1  text  space
--      $2  text  value
-- out  0 or 1 row
-- plan function scan
select stream, claimed_at
from annals.find_claim($1, $2)
