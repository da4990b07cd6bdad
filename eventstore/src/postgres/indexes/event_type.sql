-- Optional: events by type, in the order of the log.
--
-- Serves reads of one event type in either direction, without a sort.
create index concurrently if not exists events_event_type_position_idx on annals.events (event_type, position)
