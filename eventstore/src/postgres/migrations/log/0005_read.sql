-- Reading and waking: the public calls for every language.
--
-- Takes milliseconds; only functions.

-- Passes a page size on, or refuses it.
create function annals.page_size(max integer) returns integer
language plpgsql immutable
as $$
begin
    if max is null or max < 0 then
        raise exception 'a page holds 0 or more events, not %', coalesce(max::text, 'null') using errcode = 'LG004';
    end if;
    return max;
end
$$;

-- Reads one page of a stream, oldest event first.
--
-- in   stream        its name; an unknown, deleted or tombstoned one gives no rows
--      from_version  the first version wanted, inclusive
--      max           the most rows to return
create function annals.read_stream(stream text, from_version bigint default 1, max integer default 1000)
returns table ("position" bigint, stream text, version bigint, event_id uuid, event_type text,
               schema_version integer, data json, metadata json, recorded_at timestamptz)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with named as materialized (
        select s.stream_id, s.stream_name, s.first_version
        from annals.streams as s
        where s.stream_name = $1 and s.tombstoned_at is null
    )
    select e.position, (select n.stream_name from named as n), e.version, e.event_id, e.event_type,
        e.schema_version, e.data, e.metadata, e.recorded_at
    from annals.events as e
    where e.stream_id = (select n.stream_id from named as n)
      and e.version >= greatest($2, (select n.first_version from named as n))
    order by e.version
    limit annals.page_size($3)
$$;

-- Reads one page of the log with the head it was read up to: what drivers call.
--
-- out  the settled events behind `after` by rising position, each row with the head and, where an open append holds
--      events back, with the mark that does; one row with these alone when there are none
-- raises  LG014 when `having_seen` is given and is not the id of the last event up to `after`
create function annals.read_log_page(after bigint, max integer, having_seen uuid default null)
returns table (head bigint, held_back_at bigint, "position" bigint, stream text, version bigint, event_id uuid, event_type text,
               schema_version integer, data json, metadata json, recorded_at timestamptz)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Statements of their own, before the rows.
    seen constant record := annals.look();
    mark constant bigint := case when seen.is_held_back then seen.clear_to end;
begin
    if having_seen is not null then
        perform annals.check_cursor(after, having_seen);
    end if;
    return query
    select seen.head, mark, e.position, s.stream_name, e.version, e.event_id, e.event_type, e.schema_version, e.data,
        e.metadata, e.recorded_at
    from annals.events as e
    join annals.streams as s on s.stream_id = e.stream_id
    where e.position > after and e.position <= seen.head
    order by e.position
    limit annals.page_size(max);
    if not found then
        head := seen.head;
        held_back_at := mark;
        return next;
    end if;
end
$$;

-- Reads one page of the log of all streams, oldest event first.
--
-- in   after  a position, exclusive: 0, or the last position of the page before
--      max    the most rows to return
-- out  settled events only, so the last row's position is a safe cursor
-- raises  LG006 in any isolation level but READ COMMITTED
create function annals.read_all(after bigint default 0, max integer default 1000)
returns table ("position" bigint, stream text, version bigint, event_id uuid, event_type text,
               schema_version integer, data json, metadata json, recorded_at timestamptz)
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select p.position, p.stream, p.version, p.event_id, p.event_type, p.schema_version, p.data, p.metadata,
        p.recorded_at
    from annals.read_log_page(after, max) as p
    where p.position is not null
$$;

-- Tells waiting subscribers that the log may have grown. Call it after the commit of an append, in a
-- transaction of its own: inside the append's it would make all commits of the cluster queue.
create function annals.wake() returns void
language plpgsql volatile
as $$
declare
    -- An expression keeps its plan for the session; the body of an SQL function is planned with every call.
    sent constant text := pg_catalog.pg_notify('annals', '');
begin
end
$$;

comment on function annals.read_stream(text, bigint, integer) is 'one page of a stream, oldest event first';
comment on function annals.read_all(bigint, integer) is 'one page of settled events, by rising position';
comment on function annals.wake() is 'wakes subscribers; call it after the commit of an append';

-- Nobody appends or reads because a function happens to be open to all.
revoke all on all functions in schema annals from public;
