-- Tells how positions are drawn.
--
-- out  one row
-- plan function scan
select p.cache_size as cache, p.cycle_option as is_cycling, p.increment
from pg_sequence_parameters('annals.events_position_seq'::regclass) as p
