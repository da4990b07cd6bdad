-- Opens every set-based statement: the events of a batch as one relation, in the order of the log.
--
-- in   $1  text[]         streams
--      $2  bigint[]       positions
--      $3  bigint[]       versions
--      $4  text[]         types
--      $5  timestamptz[]  when they were recorded
--      $6  uuid[]         ids
--      $7  json[]         data
--      $8  json[]         metadata, null where there is none
-- out  the relation `events`, one row an event
-- plan function scan on unnest, once for each time that the statement names `events`
events as (
    select stream, position, version, type, recorded_at, event_id, data, metadata
    from unnest(
        $1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::uuid[], $7::json[], $8::json[]
    ) as event (stream, position, version, type, recorded_at, event_id, data, metadata)
)
