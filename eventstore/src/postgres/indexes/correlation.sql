-- Optional: events by the correlation id in their metadata, in the order of the log.
--
-- Serves reads of one conversation in either direction, without a sort. Events without the id take no room in it.
create index concurrently if not exists events_correlation_position_idx on annals.events
    ((case json_typeof(metadata -> 'correlation_id') when 'string' then metadata ->> 'correlation_id' end), position)
where case json_typeof(metadata -> 'correlation_id') when 'string' then metadata ->> 'correlation_id' end is not null
