-- Checks of what is appended: everything is refused before a row is touched.
--
-- Takes milliseconds; only functions.

-- Tells what is wrong with a stream's name, or null.
create function annals.stream_name_fault(name text) returns text
language sql immutable parallel safe
as $$
    select case
        when name is null then 'it is null'
        when name = '' then 'it is empty'
        when octet_length(name) > 255 then 'it is longer than 255 bytes'
        when starts_with(name, '$') then 'names that begin with $ are reserved'
        when name ~ '[\u0001-\u001f\u007f]' then 'it holds a control character'
        when name <> btrim(name, ' ') then 'it begins or ends with white space'
    end
$$;

-- Counts how deep arrays and objects nest.
create function annals.json_depth(document json) returns integer
language plpgsql immutable parallel safe
as $$
declare
    -- Strings go first, then everything but the brackets; each round takes the innermost pairs away.
    brackets text := regexp_replace(
        regexp_replace(document::text, '"(?:[^"\\]|\\.)*"', '', 'g'), '[^][{}]', '', 'g');
    depth integer := 0;
begin
    while brackets <> '' loop
        brackets := replace(replace(brackets, '[]', ''), '{}', '');
        depth := depth + 1;
    end loop;
    return depth;
end
$$;

-- Tells what a reader would choke on, or null. Dear; annals.json_is_plain says when it can be spared.
create function annals.json_fault(document json) returns text
language plpgsql immutable parallel safe
as $$
begin
    if document is null then
        return 'it is missing';
    elsif octet_length(document::text) > 16777216 then
        return 'it is longer than 16777216 bytes';
    elsif annals.json_depth(document) > 100 then
        return 'it is nested deeper than 100';
    end if;
    begin
        perform document::jsonb;
    exception
        when untranslatable_character then return 'it holds \u0000';
        when invalid_text_representation then return 'it holds half a surrogate pair';
        -- A number that jsonb cannot keep is kept by json, verbatim.
        when numeric_value_out_of_range then null;
    end;
    return null;
end
$$;

-- Tells cheaply that a document is fine: small, without escapes by number, with few brackets.
create function annals.json_is_plain(document text) returns boolean
language sql immutable parallel safe
as $$
    select octet_length(document) <= 16777216
       and position('\u' in document) = 0
       and length(document) - length(translate(document, '[{', '')) <= 100
$$;

-- Tells cheaply that an append of one event is fine. What is not plainly fine is left to annals.check_append.
create function annals.is_plain_append(
    stream text, expected bigint, event_id uuid, event_type text, schema_version integer,
    payload json, metadata json)
returns boolean
language sql immutable parallel safe
as $$
    select (expected >= 0 or expected = -2 or expected = -4)
       and stream ~ '^[^$ [:cntrl:]][^ [:cntrl:]]*$' and octet_length(stream) <= 255
       and event_id is not null
       and event_type ~ '^[^$[:cntrl:]][^[:cntrl:]]*$' and octet_length(event_type) <= 255
       and schema_version >= 1
       and annals.json_is_plain(payload::text)
       and (metadata is null or json_typeof(metadata) = 'object' and annals.json_is_plain(metadata::text))
$$;

-- Refuses a stream's name, or an expectation that means nothing.
create function annals.check_target(stream text, expected bigint) returns void
language plpgsql immutable
as $$
declare
    fault constant text := annals.stream_name_fault(stream);
begin
    if fault is not null then
        raise exception 'stream name % refused: %', coalesce(quote_literal(stream), 'null'), fault
            using errcode = 'LG005';
    end if;
    if expected is null or (expected < 0 and expected not in (-2, -4)) then
        raise exception 'expected version % means nothing', coalesce(expected::text, 'null')
            using errcode = 'LG004', hint = '-2 any, -4 stream exists, 0 no stream, n > 0 exactly n events';
    end if;
end
$$;

-- Refuses malformed events; says which one is wrong, counted from 1.
create function annals.check_events(
    event_ids uuid[], event_types text[], schema_versions integer[], payloads json[], metadatas json[])
returns void
language plpgsql
as $$
declare
    n constant integer := coalesce(cardinality(event_ids), 0);
    faulty record;
    twice uuid;
begin
    if cardinality(event_types) is distinct from n or cardinality(schema_versions) is distinct from n
       or cardinality(payloads) is distinct from n or cardinality(metadatas) is distinct from n then
        raise exception 'the arrays of an append differ in length' using errcode = 'LG004';
    end if;

    select e.index, f.fault into faulty
    from unnest(event_ids, event_types, schema_versions, payloads, metadatas) with ordinality
        as e (event_id, event_type, schema_version, payload, metadata, index)
    cross join lateral (select case
        when e.event_id is null then 'its id is missing'
        when e.event_type is null then 'its type is missing'
        when e.event_type = '' or octet_length(e.event_type) > 255 or starts_with(e.event_type, '$')
             or e.event_type ~ '[\u0001-\u001f\u007f]'
            then 'its type is empty, longer than 255 bytes, reserved ($) or holds a control character'
        when e.schema_version is null or e.schema_version < 1 then 'its schema version is below 1'
        when json_typeof(e.metadata) <> 'object' then 'its metadata is no object'
        else coalesce(
            'data: ' || case when annals.json_is_plain(e.payload::text) is not true
                             then annals.json_fault(e.payload) end,
            'metadata: ' || case when not annals.json_is_plain(e.metadata::text)
                                 then annals.json_fault(e.metadata) end)
    end) as f (fault)
    where f.fault is not null
    limit 1;
    if found then
        raise exception 'event % refused: %', faulty.index, faulty.fault using errcode = 'LG004';
    end if;

    if n > 1 then
        select id into twice from unnest(event_ids) as id group by id having count(*) > 1 limit 1;
        if found then
            raise exception 'event id % stands twice in one append', twice
                using errcode = 'LG008', detail = json_build_object('event_id', twice)::text;
        end if;
    end if;
end
$$;

-- Refuses a malformed append.
create function annals.check_append(
    stream text, expected bigint,
    event_ids uuid[], event_types text[], schema_versions integer[], payloads json[], metadatas json[])
returns void
language plpgsql
as $$
begin
    perform annals.check_target(stream, expected);
    if coalesce(cardinality(event_ids), 0) = 0 then
        raise exception 'nothing to append' using errcode = 'LG004', hint = 'give at least one event';
    end if;
    perform annals.check_events(event_ids, event_types, schema_versions, payloads, metadatas);
end
$$;

-- The 16 bytes of an idempotency key: a UUID as it is, any other text hashed.
create function annals.idempotency_key_of(key text) returns uuid
language sql immutable parallel safe
as $$
    select case
        when key ~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$' then key::uuid
        else encode(substring(sha256(convert_to(key, 'UTF8')) for 16), 'hex')::uuid
    end
$$;

-- What a repetition under a key is compared by: stream, types and data – no ids, times or expectations, for
-- a command decided again on a later state is still the same command.
create function annals.fingerprint_of(stream text, event_types text[], payloads json[]) returns bytea
language sql immutable parallel safe
as $$
    select sha256(convert_to(json_build_array(stream, to_json(event_types), to_json(payloads::text[]))::text, 'UTF8'))
$$;
