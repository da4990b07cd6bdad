-- Reading what passes a filter: streams, categories, types, ids, correlation, causation, a span of time.
--
-- Takes milliseconds; only functions.

-- Compares with the only element of an array, or with any of them.
create function annals.one_or_any(parameter text, elements integer) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$ select case when elements = 1 then '(' || parameter || ')[1]' else 'any (' || parameter || ')' end $$;

-- Writes the query of one page. A condition that is not asked for is not in it, and a single value is compared
-- by `=`, so that an optional index gives the events in the order of the log and nothing is sorted.
--
-- in   backward    newest first
--      streams …   null where everything is wanted, else what is
-- out  a query whose parameters are $1 the head, $2 a position, $3 the most rows, $4 to $11 streams, categories,
--      types, ids, correlation, causation, since, before, $12 what holds events back
create function annals.filtered_query(
    backward boolean, streams text[], categories text[], types text[], ids uuid[],
    correlation text, causation text, since timestamptz, before timestamptz)
returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    written text := 'select $1, $12, e.position, s.stream_name, e.version, e.event_id, e.event_type, e.schema_version, '
        'e.data, e.metadata, e.recorded_at '
        'from annals.events as e join annals.streams as s on s.stream_id = e.stream_id '
        'where e.position <= $1 and e.position ' || case when backward then '<' else '>' end || ' $2';
begin
    if streams is not null then
        written := written || ' and s.stream_name = ' || annals.one_or_any('$4', cardinality(streams));
    end if;
    if categories is not null then
        written := written || ' and s.category = ' || annals.one_or_any('$5', cardinality(categories));
    end if;
    if types is not null then
        written := written || ' and e.event_type = ' || annals.one_or_any('$6', cardinality(types));
    end if;
    if ids is not null then
        written := written || ' and e.event_id = ' || annals.one_or_any('$7', cardinality(ids));
    end if;
    -- Other shapes than a text are no ids, as every reader has it. The optional index has the same expression.
    if correlation is not null then
        written := written || ' and case json_typeof(e.metadata -> ''correlation_id'')'
            ' when ''string'' then e.metadata ->> ''correlation_id'' end = $8';
    end if;
    if causation is not null then
        written := written || ' and case json_typeof(e.metadata -> ''causation_id'')'
            ' when ''string'' then e.metadata ->> ''causation_id'' end = $9';
    end if;
    if since is not null then
        written := written || ' and e.recorded_at >= $10';
    end if;
    if before is not null then
        written := written || ' and e.recorded_at < $11';
    end if;
    return written || ' order by e.position ' || case when backward then 'desc ' else '' end || 'limit $3';
end
$$;

-- Reads one page of the events that pass a filter, with the head it was read up to: what drivers call.
--
-- in   from_position  exclusive: the page holds what is behind it, or before it when `backward`
--      max            the most rows to return
--      the others     as for annals.filtered_query
-- out  settled events only, each row with the head and what holds events back; one row with these alone when there
--      are none
-- raises  LG006 in any isolation level but READ COMMITTED
create function annals.read_filtered_page(
    from_position bigint, max integer, backward boolean, streams text[], categories text[], types text[], ids uuid[],
    correlation text, causation text, since timestamptz, before timestamptz)
returns table (head bigint, held_back_at bigint, "position" bigint, stream text, version bigint, event_id uuid, event_type text,
               schema_version integer, data json, metadata json, recorded_at timestamptz)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Statements of their own, before the rows.
    seen constant record := annals.look();
    mark constant bigint := case when seen.is_held_back then seen.clear_to end;
    found_rows bigint;
begin
    -- Planned anew for each page, with the values at hand: the planner knows how rare they are, and which of the
    -- optional indexes there are now.
    return query execute
        annals.filtered_query(backward, streams, categories, types, ids, correlation, causation, since, before)
        using seen.head, from_position, annals.page_size(max), streams, categories, types, ids, correlation, causation,
            since, before, mark;
    get diagnostics found_rows = row_count;
    if found_rows = 0 then
        head := seen.head;
        held_back_at := mark;
        return next;
    end if;
end
$$;

comment on function annals.read_filtered_page(bigint, integer, boolean, text[], text[], text[], uuid[], text, text,
    timestamptz, timestamptz) is 'one page of settled events that pass a filter, by position';

-- Nobody reads because a function happens to be open to all.
revoke all on all functions in schema annals from public;
