-- Optional: which blocks of the log hold events of which time.
--
-- Serves reads of a short span of time. A few pages in size, since events lie in the table about as they came;
-- what is found is sorted by position.
create index concurrently if not exists events_recorded_at_idx on annals.events
using brin (recorded_at) with (pages_per_range = 32, autosummarize = on)
