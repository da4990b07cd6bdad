-- Optional: events by their id.
--
-- Serves the search for an event by its id. A log with unique event ids has such an index already.
create index concurrently if not exists events_event_id_idx on annals.events (event_id)
