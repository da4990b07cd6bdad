-- The append: the only place where events enter the log.
--
-- Order inside one call: the stream's row (a wrong version ends here, before anything is drawn), the
-- idempotency key, the fence, the positions. Versions of a stream are 1, 2, 3, … without a gap; all events
-- of a call are stored or none.
--
-- Takes milliseconds; only functions.

-- The receipt of an append that was stored before; no row once all of it is scrubbed. Of one that is scrubbed in
-- part, the first position is that of the first event that is left.
create function annals.receipt_of(stored_stream bigint, first_stored bigint, last_stored bigint)
returns table (from_version bigint, to_version bigint, from_position bigint, to_position bigint,
               already_applied boolean)
language sql stable
as $$
    select first_stored, last_stored,
        (select e.position from annals.events as e
         where e.stream_id = stored_stream and e.version >= first_stored
         order by e.version limit 1),
        last.position, true
    from annals.events as last
    where last.stream_id = stored_stream and last.version = last_stored
$$;

-- Refuses a key that was cancelled (LG010) or used for something else (LG003).
create function annals.check_key(key uuid, stored bytea, wanted bytea) returns void
language plpgsql
as $$
begin
    if stored is null then
        raise exception 'idempotency key % is cancelled', key
            using errcode = 'LG010', detail = json_build_object('idempotency_key', key)::text;
    end if;
    if stored <> wanted then
        raise exception 'idempotency key % was used before with other content', key
            using errcode = 'LG003', detail = json_build_object('idempotency_key', key)::text;
    end if;
end
$$;

-- The receipt stored under a key, or no row. LG003 when the key was used for something else, LG010 when it is
-- cancelled.
create function annals.receipt_under_key(key uuid, wanted bytea)
returns table (from_version bigint, to_version bigint, from_position bigint, to_position bigint,
               already_applied boolean)
language plpgsql
as $$
declare
    known annals.idempotency_keys;
begin
    select * into known from annals.idempotency_keys as k where k.idempotency_key = key;
    if not found then
        return;
    end if;
    -- No fingerprint is empty: an append to several streams is something else than one to a single stream.
    perform annals.check_key(key, known.fingerprint, case when known.stream_id is null then '' else wanted end);
    return query
    select r.from_version, r.to_version, r.from_position, r.to_position, r.already_applied
    from annals.receipt_of(known.stream_id, known.from_version, known.to_version) as r;
end
$$;

-- The version right behind which these very events stand already, where the append wanted them; else null.
create function annals.version_before_repetition(there annals.streams, expected bigint, event_ids uuid[])
returns bigint
language plpgsql
as $$
declare
    n    constant bigint := cardinality(event_ids);
    base bigint;
begin
    if expected < 0 or there.stream_id is null or there.tombstoned_at is not null then
        return null;
    end if;
    -- A stream that began again did so behind its first readable version, or earlier, if it was deleted since.
    foreach base in array case when expected > 0 then array[expected] else array[0, there.first_version - 1] || array(
        select e.version - 1 from annals.events as e
        where e.stream_id = there.stream_id and e.version < there.first_version and e.event_id = event_ids[1]) end
    loop
        if event_ids = (
            select array_agg(e.event_id order by e.version) from annals.events as e
            where e.stream_id = there.stream_id and e.version > base and e.version - base <= n)
        then
            return base;
        end if;
    end loop;
    return null;
end
$$;

-- Refuses what an append expects of a stream (LG001, LG002); returns when the expectation holds.
create function annals.check_stream(there annals.streams, stream text, expected bigint) returns void
language plpgsql
as $$
declare
    -- A deleted stream is there, and yet has no version.
    actual constant bigint := case when there.first_version <= there.version then there.version else 0 end;
begin
    if there.tombstoned_at is not null then
        raise exception 'stream % is tombstoned', stream
            using errcode = 'LG002', detail = json_build_object('stream', stream)::text;
    end if;
    if expected = -2 or expected = actual or (expected = -4 and actual > 0) then
        return;
    end if;
    raise exception 'stream % is at version %, expected was %', stream, actual, expected
        using errcode = 'LG001',
              detail = json_build_object('stream', stream, 'expected', expected, 'actual', actual)::text;
end
$$;

-- Explains why a stream's row could not be moved: returns the receipt when the very same events stand
-- already where this append wanted them, raises LG001 or LG002 – or returns no row when the expectation has
-- come true meanwhile; then the row is locked, and asking again succeeds.
create function annals.receipt_or_refusal(stream text, expected bigint, event_ids uuid[])
returns table (from_version bigint, to_version bigint, from_position bigint, to_position bigint,
               already_applied boolean)
language plpgsql
as $$
declare
    there annals.streams;
    base  bigint;
begin
    select * into there from annals.streams as s where s.stream_name = stream for no key update;
    base := annals.version_before_repetition(there, expected, event_ids);
    if base is null then
        perform annals.check_stream(there, stream, expected);
        return;
    end if;
    return query
    select r.from_version, r.to_version, r.from_position, r.to_position, r.already_applied
    from annals.receipt_of(there.stream_id, base + 1, base + cardinality(event_ids)) as r;
end
$$;

-- Appends events to one stream, arrays in. What drivers call; annals.append is the same with JSON in.
create function annals.append_events(
    stream text, expected bigint,
    event_ids uuid[], event_types text[], schema_versions integer[], payloads json[], metadatas json[],
    idempotency_key uuid default null, fingerprint bytea default null,
    out from_version bigint, out to_version bigint, out from_position bigint, out to_position bigint,
    out already_applied boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    n constant bigint := coalesce(cardinality(event_ids), 0);
    target bigint;
    mark   bigint;
begin
    -- A single event was checked by the driver; to do it again costs a tenth of the call.
    if n <> 1 then
        perform annals.check_append(stream, expected, event_ids, event_types, schema_versions, payloads, metadatas);
    end if;
    if current_setting('synchronous_commit') = 'off' or not annals.is_found_sound() then
        perform annals.prepare_append();
    end if;
    if idempotency_key is not null then
        fingerprint := coalesce(fingerprint, annals.fingerprint_of(stream, event_types, payloads));
        select r.* from annals.receipt_under_key(idempotency_key, fingerprint) as r
        into from_version, to_version, from_position, to_position, already_applied;
        if found then
            return;
        end if;
    end if;

    -- Lock the stream's row and move its version, if it is what the caller expects.
    loop
        if expected = 0 then
            insert into annals.streams as s (stream_name, category, version)
            values (stream, split_part(stream, '-', 1), n)
            on conflict do nothing
            returning s.stream_id, s.version into target, to_version;
            if target is null then
                -- A deleted stream may begin again, unless with what it began before; its versions go on counting.
                update annals.streams as s set version = s.version + n
                where s.stream_name = stream and s.first_version > s.version and s.tombstoned_at is null
                  and annals.version_before_repetition(s, expected, event_ids) is null
                returning s.stream_id, s.version into target, to_version;
            end if;
        else
            update annals.streams as s set version = s.version + n
            where s.stream_name = stream and s.tombstoned_at is null
              and (expected = -2 or s.first_version <= s.version and (expected = -4 or s.version = expected))
            returning s.stream_id, s.version into target, to_version;
            if target is null and expected = -2 then
                insert into annals.streams as s (stream_name, category, version)
                values (stream, split_part(stream, '-', 1), n)
                on conflict (stream_name) do update set version = s.version + n where s.tombstoned_at is null
                returning s.stream_id, s.version into target, to_version;
            end if;
        end if;
        exit when target is not null;

        if idempotency_key is not null then
            -- The same append may have come twice at once, and the other one was first.
            select r.* from annals.receipt_under_key(idempotency_key, fingerprint) as r
            into from_version, to_version, from_position, to_position, already_applied;
            if found then
                return;
            end if;
        end if;
        select r.* from annals.receipt_or_refusal(stream, expected, event_ids) as r
        into from_version, to_version, from_position, to_position, already_applied;
        if found then
            return;
        end if;
    end loop;
    from_version := to_version - n + 1;

    if idempotency_key is not null then
        insert into annals.idempotency_keys (idempotency_key, stream_id, from_version, to_version, fingerprint)
        values (append_events.idempotency_key, target, append_events.from_version, append_events.to_version,
                append_events.fingerprint)
        on conflict do nothing;
        if not found then
            -- The same append came twice at once and the other one was first: give the version back.
            update annals.streams as s set version = s.version - n where s.stream_id = target;
            delete from annals.streams as s where s.stream_id = target and s.version = 0;
            select r.* from annals.receipt_under_key(idempotency_key, fingerprint) as r
            into from_version, to_version, from_position, to_position, already_applied;
            return;
        end if;
    end if;

    mark := annals.enter_fence();
    if n = 1 then
        -- The same as below without setting up a scan: a fifth of the whole call.
        insert into annals.events
            (position, stream_id, version, event_id, event_type, schema_version, data, metadata)
        values (nextval('annals.events_position_seq'), target, to_version, event_ids[1], event_types[1],
                schema_versions[1], payloads[1], metadatas[1])
        returning position into from_position;
        to_position := from_position;
    else
        with stored as (
            insert into annals.events
                (position, stream_id, version, event_id, event_type, schema_version, data, metadata)
            select nextval('annals.events_position_seq'), target, append_events.from_version + e.index - 1,
                e.event_id, e.event_type, e.schema_version, e.payload, e.metadata
            from unnest(event_ids, event_types, schema_versions, payloads, metadatas) with ordinality
                as e (event_id, event_type, schema_version, payload, metadata, index)
            returning position
        )
        select min(stored.position), max(stored.position) into from_position, to_position from stored;
    end if;
    -- Readers stop at the mark, so nothing may come at or below it.
    if from_position <= mark then
        perform annals.refuse_append();
    end if;
    already_applied := false;
end
$$;

-- Appends one event without a key: what drivers call for it, and the way of most appends.
--
-- One statement does all of it, in the order that the fence demands: the stream's row is locked and moved, the
-- mark is left while that row is returned, the position is drawn once the mark is there. It is taken only by the
-- first append of a transaction, which needs to remember no mark; a later one remembers its own, so that a
-- transaction leaves two marks at most. Whatever does not go plainly goes to annals.append_events.
--
-- Whether the log is sound it asks once a session, and not with each append as the others do: that would cost a fifth
-- of the call.
--
-- It fixes no search_path, which costs a twentieth of the call: every operator and function is qualified.
--
-- in   as annals.append_events, expected not 0; the event was checked by the driver
-- out  version, position, and 1 when the event was there before, else 0
create function annals.append_event(
    stream text, expected bigint, event_id uuid, event_type text, schema_version integer, payload json,
    metadata json)
returns bigint[]
language plpgsql volatile security definer
as $$
declare
    receipt bigint[];
begin
    with taken as (
        update annals.streams as s set version = s.version operator(pg_catalog.+) 1
        where s.stream_name operator(pg_catalog.=) append_event.stream
          -- As one case it is asked of the row; by themselves the last three would be a step of the plan.
          and case when s.tombstoned_at is null
                    and (expected operator(pg_catalog.=) -2
                         or s.first_version operator(pg_catalog.<=) s.version
                            and (expected operator(pg_catalog.=) -4 or s.version operator(pg_catalog.=) expected))
              then pg_catalog.pg_current_xact_id_if_assigned() is null
                   and pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.<>) 'off'
                   and annals.is_found_sound() end
        returning s.stream_id, s.version,
            -- gap: between the stream's row and the last position
            case when pg_catalog.pg_advisory_xact_lock_shared(
                annals.fence_namespace() operator(pg_catalog.<<) 48 operator(pg_catalog.|)
                coalesce(pg_catalog.pg_sequence_last_value('annals.events_position_seq'), 0)
                -- gap: between the last position and the mark
            ) is not null
                -- gap: between the mark and the draw
            then pg_catalog.nextval('annals.events_position_seq') end as position
    )
    insert into annals.events as e
        (position, stream_id, version, event_id, event_type, schema_version, data, metadata)
    select t.position, t.stream_id, t.version, append_event.event_id, append_event.event_type,
        append_event.schema_version, append_event.payload, append_event.metadata
    from taken as t
    returning array[e.version, e.position, 0] into receipt;
    if receipt is null then
        select array[r.from_version, r.from_position, r.already_applied::integer] into receipt
        from annals.append_events(stream, expected, array[event_id], array[event_type], array[schema_version],
                                  array[payload], array[metadata]) as r;
    end if;
    return receipt;
end
$$;

-- Begins a stream with one event, without a key: annals.append_event where no stream is expected.
--
-- in   as annals.append_events; the event was checked by the driver
-- out  as annals.append_event
create function annals.append_first_event(
    stream text, event_id uuid, event_type text, schema_version integer, payload json, metadata json)
returns bigint[]
language plpgsql volatile security definer
as $$
declare
    receipt bigint[];
begin
    with taken as (
        insert into annals.streams as s (stream_name, category, version)
        select append_first_event.stream, pg_catalog.split_part(append_first_event.stream, '-', 1), 1
        where pg_catalog.pg_current_xact_id_if_assigned() is null
          and pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.<>) 'off'
          and annals.is_found_sound()
        on conflict do nothing
        returning s.stream_id, s.version,
            -- gap: between the stream's row and the last position
            case when pg_catalog.pg_advisory_xact_lock_shared(
                annals.fence_namespace() operator(pg_catalog.<<) 48 operator(pg_catalog.|)
                coalesce(pg_catalog.pg_sequence_last_value('annals.events_position_seq'), 0)
                -- gap: between the last position and the mark
            ) is not null
                -- gap: between the mark and the draw
            then pg_catalog.nextval('annals.events_position_seq') end as position
    )
    insert into annals.events as e
        (position, stream_id, version, event_id, event_type, schema_version, data, metadata)
    select t.position, t.stream_id, t.version, append_first_event.event_id, append_first_event.event_type,
        append_first_event.schema_version, append_first_event.payload, append_first_event.metadata
    from taken as t
    returning array[e.version, e.position, 0] into receipt;
    if receipt is null then
        select array[r.from_version, r.from_position, r.already_applied::integer] into receipt
        from annals.append_events(stream, 0, array[event_id], array[event_type], array[schema_version],
                                  array[payload], array[metadata]) as r;
    end if;
    return receipt;
end
$$;

-- Appends events to one stream, JSON in: the public call for every language.
--
-- in   stream           1 to 255 bytes, not reserved ($)
--      expected         -2 any, -4 stream exists, 0 no stream, n > 0 exactly n events
--      events           non-empty array of {"type", "data", "id"?, "schema_version"?, "metadata"?}
--      idempotency_key  a UUID or any text; the same key again returns the first result
--      fingerprint      what a repetition is compared by; a hash of stream, types and data when null
-- out  one row; already_applied when the events were there before
-- raises  LG001 wrong version, LG002 tombstoned, LG003 key reused, LG004 malformed, LG005 stream name,
--         LG008 duplicate event id, LG010 key cancelled
-- Wake subscribers with annals.wake() after the commit; they poll otherwise.
create function annals.append(
    stream text, expected bigint, events json, idempotency_key text default null, fingerprint text default null)
returns table (from_version bigint, to_version bigint, from_position bigint, to_position bigint,
               already_applied boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    event_ids uuid[];
    event_types text[];
    schema_versions integer[];
    payloads json[];
    metadatas json[];
    faulty bigint;
begin
    if events is null or json_typeof(events) <> 'array' then
        raise exception 'events must be a JSON array' using errcode = 'LG004';
    end if;
    begin
        select min(e.index) into faulty
        from json_array_elements(events) with ordinality as e (event, index)
        where json_typeof(e.event) <> 'object'
           or json_typeof(e.event -> 'type') is distinct from 'string'
           or e.event -> 'data' is null
           or exists (
               select from json_object_keys(case when json_typeof(e.event) = 'object' then e.event else '{}' end) as key
               where key not in ('type', 'data', 'id', 'schema_version', 'metadata'));
        if faulty is null then
            select array_agg(coalesce((e.event ->> 'id')::uuid, gen_random_uuid()) order by e.index),
                array_agg(e.event ->> 'type' order by e.index),
                array_agg(coalesce((e.event ->> 'schema_version')::integer, 1) order by e.index),
                array_agg(e.event -> 'data' order by e.index),
                array_agg(case when json_typeof(e.event -> 'metadata') <> 'null' then e.event -> 'metadata' end
                          order by e.index)
            into event_ids, event_types, schema_versions, payloads, metadatas
            from json_array_elements(events) with ordinality as e (event, index);
        end if;
    exception
        when untranslatable_character or invalid_text_representation or numeric_value_out_of_range then
            raise exception 'events refused: %', sqlerrm using errcode = 'LG004';
    end;
    if faulty is not null then
        raise exception 'event % refused: it is no object of "type" (a text), "data", "id", "schema_version", "metadata"',
            faulty using errcode = 'LG004';
    end if;
    if cardinality(event_ids) = 1
       and annals.is_plain_append(stream, expected, event_ids[1], event_types[1], schema_versions[1], payloads[1],
                                  metadatas[1]) is not true then
        perform annals.check_append(stream, expected, event_ids, event_types, schema_versions, payloads, metadatas);
    end if;

    return query
    select r.from_version, r.to_version, r.from_position, r.to_position, r.already_applied
    from annals.append_events(
        stream, expected, event_ids, event_types, schema_versions, payloads, metadatas,
        annals.idempotency_key_of(idempotency_key), sha256(convert_to(fingerprint, 'UTF8'))) as r;
end
$$;

comment on function annals.append(text, bigint, json, text, text) is
    'appends events to a stream: expected -2 any, -4 stream exists, 0 no stream, n > 0 exactly n events';
