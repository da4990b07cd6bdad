-- Appends to several streams at once, cancelled keys, unique event ids.
--
-- Takes milliseconds: one new table, else only functions.

-- Where the events stand that one key brought into several streams; as many rows as streams.
create table annals.idempotency_parts (
    idempotency_key uuid not null,
    part            integer not null,
    stream_id       bigint not null,
    from_version    bigint not null,
    to_version      bigint not null,
    primary key (idempotency_key, part)
);

comment on table annals.idempotency_parts is 'the streams of an append to several, under its idempotency key';

-- Refuses a malformed append to several streams.
create function annals.check_append_many(
    streams text[], expected bigint[], event_counts integer[],
    event_ids uuid[], event_types text[], schema_versions integer[], payloads json[], metadatas json[])
returns void
language plpgsql
as $$
declare
    parts constant integer := coalesce(cardinality(streams), 0);
    twice text;
begin
    if parts = 0 then
        raise exception 'nothing to append' using errcode = 'LG004', hint = 'give at least one stream';
    end if;
    if cardinality(expected) is distinct from parts or cardinality(event_counts) is distinct from parts
       or exists (select from unnest(event_counts) as n where n is null or n < 0)
       or (select sum(n) from unnest(event_counts) as n) <> coalesce(cardinality(event_ids), 0) then
        raise exception 'the arrays of an append differ in length' using errcode = 'LG004';
    end if;
    perform annals.check_target(p.stream, p.expected) from unnest(streams, expected) as p (stream, expected);
    select p.stream into twice from unnest(streams, expected, event_counts) as p (stream, expected, events)
    where p.expected = -2 and p.events = 0 limit 1;
    if found then
        raise exception 'stream % is given neither events nor an expectation', twice using errcode = 'LG004';
    end if;
    select p.stream into twice from unnest(streams) as p (stream)
    group by p.stream having count(*) > 1 limit 1;
    if found then
        raise exception 'stream % stands twice in one append', twice using errcode = 'LG004';
    end if;
    perform annals.check_events(event_ids, event_types, schema_versions, payloads, metadatas);
end
$$;

-- What a repetition under a key is compared by; as annals.fingerprint_of, stream by stream. Streams that were
-- only checked are no part of it: they are expectations.
create function annals.fingerprint_of_many(
    streams text[], event_counts integer[], event_types text[], payloads json[])
returns bytea
language sql immutable parallel safe
as $$
    select sha256(convert_to(json_build_array(
        (select json_agg(json_build_array(p.stream, p.events) order by p.part)
         from unnest(streams, event_counts) with ordinality as p (stream, events, part) where p.events > 0),
        to_json(event_types), to_json(payloads::text[]))::text, 'UTF8'))
$$;

-- Every receipt stored under a key, stream by stream, or no row. LG003 when the key was used for something
-- else, LG010 when it is cancelled.
create function annals.receipts_under_key(key uuid, wanted bytea)
returns table (stream text, from_version bigint, to_version bigint, from_position bigint, to_position bigint,
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
    perform annals.check_key(key, known.fingerprint, wanted);
    return query
    select s.stream_name, r.from_version, r.to_version, r.from_position, r.to_position, r.already_applied
    from (
        select 0 as part, known.stream_id, known.from_version, known.to_version where known.stream_id is not null
        union all
        select p.part, p.stream_id, p.from_version, p.to_version
        from annals.idempotency_parts as p where p.idempotency_key = key
    ) as stored (part, stream_id, first_stored, last_stored)
    join annals.streams as s on s.stream_id = stored.stream_id
    cross join lateral annals.receipt_of(stored.stream_id, stored.first_stored, stored.last_stored) as r
    order by stored.part;
end
$$;

-- The receipts of an append whose very events all stand already where it wanted them, else no row. An append
-- with events at any version cannot be recognised in this way.
create function annals.receipts_of_repetition(
    streams text[], expected bigint[], event_counts integer[], event_ids uuid[])
returns table (stream text, from_version bigint, to_version bigint, from_position bigint, to_position bigint,
               already_applied boolean)
language plpgsql
as $$
declare
    there annals.streams;
    ids   bigint[] := array_fill(null::bigint, array[cardinality(streams)]);
    bases bigint[] := ids;
    start integer := 1;
begin
    for part in 1 .. cardinality(streams) loop
        there := null;
        if event_counts[part] > 0 then
            select * into there from annals.streams as s where s.stream_name = streams[part];
            bases[part] := annals.version_before_repetition(
                there, expected[part], event_ids[start : start + event_counts[part] - 1]);
            if bases[part] is null then
                return;
            end if;
        end if;
        ids[part] := there.stream_id;
        start := start + event_counts[part];
    end loop;
    return query
    select p.stream, r.from_version, r.to_version, r.from_position, r.to_position, r.already_applied
    from unnest(streams, ids, bases, event_counts) with ordinality as p (stream, stream_id, base, events, part)
    cross join lateral annals.receipt_of(p.stream_id, p.base + 1, p.base + p.events) as r
    where p.events > 0
    order by p.part;
end
$$;

-- Locks one stream of several and moves its version, if it is what the caller expects; else returns null.
--
-- A stream without events is only checked: its row is locked in share mode, so that checks do not exclude each
-- other. Where none may be, a row without a version holds the name until the transaction ends.
create function annals.take_stream(
    stream text, expected bigint, events integer, out target bigint, out to_version bigint)
language plpgsql
as $$
declare
    there annals.streams;
begin
    if events = 0 then
        select * into there from annals.streams as s where s.stream_name = stream for share;
        if not found then
            if expected = 0 then
                insert into annals.streams as s (stream_name, category, version)
                values (stream, split_part(stream, '-', 1), 0)
                on conflict do nothing
                returning s.stream_id, s.version into target, to_version;
            end if;
        elsif there.tombstoned_at is null
              and (expected = 0 and there.first_version > there.version
                   or there.first_version <= there.version and expected in (-4, there.version)) then
            target := there.stream_id;
            to_version := there.version;
        end if;
        return;
    end if;

    if expected = 0 then
        insert into annals.streams as s (stream_name, category, version)
        values (stream, split_part(stream, '-', 1), events)
        on conflict do nothing
        returning s.stream_id, s.version into target, to_version;
        if target is null then
            update annals.streams as s set version = s.version + events
            where s.stream_name = stream and s.first_version > s.version and s.tombstoned_at is null
            returning s.stream_id, s.version into target, to_version;
        end if;
    elsif expected = -2 then
        insert into annals.streams as s (stream_name, category, version)
        values (stream, split_part(stream, '-', 1), events)
        on conflict (stream_name) do update set version = s.version + events where s.tombstoned_at is null
        returning s.stream_id, s.version into target, to_version;
    else
        update annals.streams as s set version = s.version + events
        where s.stream_name = stream and s.tombstoned_at is null and s.first_version <= s.version
          and (expected = -4 or s.version = expected)
        returning s.stream_id, s.version into target, to_version;
    end if;
end
$$;

-- Gives back what annals.take_stream took: the append was stored before, under the same key.
create function annals.give_streams_back(targets bigint[], event_counts integer[]) returns void
language sql
as $$
    update annals.streams as s set version = s.version - p.events
    from unnest(targets, event_counts) as p (target, events)
    where s.stream_id = p.target and p.events > 0;
    delete from annals.streams as s where s.stream_id = any (targets) and s.version = 0;
$$;

-- Appends events to several streams, all or none; what drivers call.
--
-- All rows are locked in the order of their names, those of new streams too, so that no two calls wait for each
-- other; then comes the key, then the fence. Positions are drawn in the order given.
--
-- in   streams, expected, event_counts   one a stream; each stream once; no events: it is only checked
--      event_ids, event_types, …         one an event, stream after stream
-- out  one row for each stream that was given events, in the order given
create function annals.append_many_events(
    streams text[], expected bigint[], event_counts integer[],
    event_ids uuid[], event_types text[], schema_versions integer[], payloads json[], metadatas json[],
    idempotency_key uuid default null, fingerprint bytea default null)
returns table (stream text, from_version bigint, to_version bigint, from_position bigint, to_position bigint,
               already_applied boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    targets  bigint[] := array_fill(0::bigint, array[coalesce(cardinality(streams), 0)]);
    versions bigint[] := targets;
    -- A check alone stores nothing, and nothing under a key.
    mark     bigint;
    key      constant uuid := case when cardinality(event_ids) > 0 then append_many_events.idempotency_key end;
    part     record;
    taken    record;
    there    annals.streams;
begin
    perform annals.check_append_many(
        streams, expected, event_counts, event_ids, event_types, schema_versions, payloads, metadatas);
    if current_setting('synchronous_commit') = 'off' or not annals.is_found_sound() then
        perform annals.prepare_append();
    end if;
    if key is not null then
        fingerprint := coalesce(
            fingerprint, annals.fingerprint_of_many(streams, event_counts, event_types, payloads));
        return query select * from annals.receipts_under_key(key, fingerprint);
        if found then
            return;
        end if;
    end if;

    for part in
        select p.index, p.stream, p.expected, p.events
        from unnest(streams, expected, event_counts) with ordinality as p (stream, expected, events, index)
        order by p.stream collate "C"
    loop
        loop
            taken := annals.take_stream(part.stream, part.expected, part.events);
            exit when taken.target is not null;

            -- The same append may have come before, or twice at once and the other one was first.
            if key is not null then
                return query select * from annals.receipts_under_key(key, fingerprint);
            end if;
            if key is null or not found then
                return query select * from annals.receipts_of_repetition(streams, expected, event_counts, event_ids);
            end if;
            if found then
                perform annals.give_streams_back(targets, event_counts);
                return;
            end if;
            -- Locked, so that asking again succeeds, and that one snapshot does not take an old version for it.
            select * into there from annals.streams as s where s.stream_name = part.stream for share;
            perform annals.check_stream(there, part.stream, part.expected);
        end loop;
        targets[part.index] := taken.target;
        versions[part.index] := taken.to_version;
        if part.expected = 0 and taken.to_version > part.events and part.events > 0 then
            -- A deleted stream begins again, unless with what it began before.
            return query select * from annals.receipts_of_repetition(streams, expected, event_counts, event_ids);
            if found then
                perform annals.give_streams_back(targets, event_counts);
                return;
            end if;
        end if;
    end loop;

    if key is not null then
        insert into annals.idempotency_keys (idempotency_key, fingerprint) values (key, append_many_events.fingerprint)
        on conflict do nothing;
        if not found then
            perform annals.give_streams_back(targets, event_counts);
            return query select * from annals.receipts_under_key(key, fingerprint);
            return;
        end if;
        insert into annals.idempotency_parts (idempotency_key, part, stream_id, from_version, to_version)
        select key, p.part, p.target, p.version - p.events + 1, p.version
        from unnest(targets, versions, event_counts) with ordinality as p (target, version, events, part)
        where p.events > 0;
    end if;

    if cardinality(event_ids) > 0 then
        mark := annals.enter_fence();
        return query
        with placed as materialized (
            -- Each event's stream, and its version there.
            select row_number() over (order by p.part, n) as index, p.target, p.version - p.events + n as version
            from unnest(targets, versions, event_counts) with ordinality as p (target, version, events, part)
            cross join lateral generate_series(1, p.events) as n
        ), stored as (
            insert into annals.events as e
                (position, stream_id, version, event_id, event_type, schema_version, data, metadata)
            select nextval('annals.events_position_seq'), given.target, given.version, given.event_id,
                given.event_type, given.schema_version, given.payload, given.metadata
            from (
                select placed.target, placed.version, g.*
                from unnest(event_ids, event_types, schema_versions, payloads, metadatas) with ordinality
                    as g (event_id, event_type, schema_version, payload, metadata, index)
                join placed on placed.index = g.index
                order by g.index
            ) as given
            returning e.position, e.stream_id
        )
        select p.stream, p.version - p.events + 1, p.version,
            -- Readers stop at the mark, so nothing may come at or below it.
            case when min(s.position) <= mark then annals.refuse_append() else min(s.position) end,
            max(s.position), false
        from unnest(streams, targets, versions, event_counts) with ordinality
            as p (stream, target, version, events, part)
        join stored as s on s.stream_id = p.target
        group by p.part, p.stream, p.version, p.events
        order by p.part;
    end if;
    if 0 = any (versions) then
        delete from annals.streams as s where s.stream_id = any (targets) and s.version = 0;
    end if;
end
$$;

-- Closes a key that no append has used yet, for ever: an append under it is refused with LG010. What drivers
-- call; annals.cancel_key is the same for a key of any text.
--
-- The row of the key is the lock: an append under it that is under way is waited for.
--
-- out  no row: the key is closed; else the receipts of the append that was first, stream by stream
create function annals.close_key(key uuid)
returns table (stream text, from_version bigint, to_version bigint, from_position bigint, to_position bigint,
               already_applied boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if key is null then
        raise exception 'no idempotency key to cancel' using errcode = 'LG004';
    end if;
    -- A closed key that a crash opened again would let the append in.
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    loop
        insert into annals.idempotency_keys (idempotency_key) values (key) on conflict do nothing;
        if found or exists (
            select from annals.idempotency_keys as k where k.idempotency_key = key and k.fingerprint is null)
        then
            return;
        end if;
        return query select * from annals.receipts_under_key(key, null);
        -- The key of a scrubbed stream may have gone meanwhile.
        exit when found;
    end loop;
end
$$;

-- Closes an idempotency key; see annals.close_key.
create function annals.cancel_key(idempotency_key text)
returns table (stream text, from_version bigint, to_version bigint, from_position bigint, to_position bigint,
               already_applied boolean)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ select * from annals.close_key(annals.idempotency_key_of($1)) $$;

comment on function annals.cancel_key(text) is
    'closes a key that was not used yet (no row), or returns the receipts of the append that used it';

-- Refuses an event whose id stands in the log already.
create function annals.refuse_known_event_id() returns trigger
language plpgsql
as $$
begin
    if exists (select from annals.events as e where e.event_id = new.event_id) then
        raise exception 'event id % stands in the log already', new.event_id
            using errcode = 'LG008', detail = json_build_object('event_id', new.event_id)::text;
    end if;
    return new;
end
$$;

-- Makes the log refuse an event id that it holds already, in any stream, with LG008; not so by default, since
-- it costs appends 5 to 30 %. Once is enough; the owner of the log calls it.
--
-- Builds an index, and appends wait until it is built. For a large log build it beforehand, while appends go on:
--   create unique index concurrently events_event_id_key on annals.events (event_id);
-- It fails with 23505 when the log holds an id twice. To undo it drop that index and the trigger event_ids_are_unique.
--
-- Of two transactions that bring the same id at the same moment the second one is refused by the index, with 23505.
create function annals.require_unique_event_ids() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from pg_index as i
        where i.indexrelid = to_regclass('annals.events_event_id_key')
          and i.indisunique and i.indisvalid and i.indrelid = 'annals.events'::regclass)
    then
        create unique index events_event_id_key on annals.events (event_id);
    end if;
    if not exists (
        select from pg_trigger as t
        where t.tgrelid = 'annals.events'::regclass and t.tgname = 'event_ids_are_unique')
    then
        create trigger event_ids_are_unique before insert on annals.events
            for each row execute function annals.refuse_known_event_id();
        alter table annals.events enable always trigger event_ids_are_unique;
    end if;
end
$$;

comment on function annals.require_unique_event_ids() is 'from now on the log refuses an event id that it holds already';

-- Nobody appends because a function happens to be open to all.
revoke all on all functions in schema annals from public;
