-- Scrubbing: the only way in which events leave the log.
--
-- What is scrubbed is what its stream no longer shows: everything of a deleted or tombstoned stream, and what lies
-- before the first version of one that was truncated; with it go its idempotency keys and snapshots. Positions stay
-- unused, versions go on counting.
--
-- Takes milliseconds; only functions. Nothing can be scrubbed before `annals db roles` has made a role for it.

-- Removes events that their stream no longer shows, lowest version first, and leaves their positions and ids.
--
-- The trigger of annals.events lets the owner of this function through, if nobody can log in as that role and it
-- is not the owner of the log. So it decides by itself what may go, whatever it is called with.
--
-- in   stream, before  a stream and a version, exclusive
--      max             the most events to remove
-- out  how many were removed
create function annals.remove_events(stream bigint, before bigint, max bigint) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- By position, so that the plan is an index scan whatever the planner thinks of the number.
    doomed constant bigint[] := array(
        select e.position
        from annals.events as e
        where e.stream_id = stream
          and e.version < before
          and e.version < (select s.first_version from annals.streams as s where s.stream_id = stream)
        order by e.version
        limit max);
    removed bigint;
begin
    -- gap: between the events that are chosen and their removal
    with removed as (
        delete from annals.events as e where e.position = any (doomed) returning e.position, e.event_id
    ), traced as (
        insert into annals.scrubbed (position, event_id) select r.position, r.event_id from removed as r
        returning 1
    )
    select count(*) into removed from traced;
    return removed;
end
$$;

-- Forgets idempotency keys all of whose events lie before a version of a stream, so that they go before these do.
-- A key that brought events into several streams goes with the last of them.
--
-- in   as annals.remove_events
-- out  how many keys, and streams of keys to several, were removed
create function annals.forget_keys(stream bigint, before bigint, max bigint) returns bigint
language plpgsql
as $$
declare
    removed bigint;
    keys    uuid[];
begin
    delete from annals.idempotency_keys as k
    where k.idempotency_key = any (array(
        select d.idempotency_key from annals.idempotency_keys as d
        where d.stream_id = stream and d.to_version < before
        limit max));
    get diagnostics removed = row_count;
    with parts as (
        delete from annals.idempotency_parts as p
        where (p.idempotency_key, p.part) in (
            select d.idempotency_key, d.part from annals.idempotency_parts as d
            where d.stream_id = stream and d.to_version < before
            limit max - removed)
        returning p.idempotency_key
    )
    select coalesce(array_agg(parts.idempotency_key), '{}') into keys from parts;
    -- A second statement, since the first one still sees the parts that it removes.
    delete from annals.idempotency_keys as k
    where k.idempotency_key = any (keys)
      and not exists (select from annals.idempotency_parts as p where p.idempotency_key = k.idempotency_key);
    return removed + cardinality(keys);
end
$$;

-- Removes one batch of what a stream no longer shows: first the idempotency keys, which answer until then, then the
-- events. Call it again, each time in a transaction of its own, until it says that it is done. A scrub that was
-- broken off goes on where it stopped, whoever calls.
--
-- Finding the keys of a stream reads all keys of the log, once a scrub. Where streams are scrubbed often, an index
-- helps, at the price of slower appends under a key:
--   create index concurrently on annals.idempotency_keys (stream_id);
--   create index concurrently on annals.idempotency_parts (stream_id);
--
-- in   stream  its name
--      reason  kept in annals.deletions, of the call that begins a scrub
--      max     the most events and keys to remove in this call
-- out  how many of each were removed, and whether nothing is left to remove
-- raises  LG001 no such stream (actual 0), LG004, LG005, LG006 in any isolation but READ COMMITTED, LG012 the
--         stream shows all its events, LG013 there is no role that may scrub
create function annals.scrub_stream(
    stream text, reason text default null, max integer default 10000,
    out events_removed bigint, out keys_removed bigint, out done boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    there annals.streams;
    run   annals.deletions;
begin
    perform annals.check_deletion(stream, -4);
    if max is null or max < 1 then
        raise exception 'a scrub removes 1 or more events at a time, not %', coalesce(max::text, 'null')
            using errcode = 'LG004';
    elsif current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the log cannot be scrubbed in %', current_setting('transaction_isolation')
            using errcode = 'LG006', hint = 'scrub it in a READ COMMITTED transaction';
    elsif annals.scrubber() is null then
        raise exception 'there is no role that may scrub' using errcode = 'LG013', hint = 'run: annals db roles --apply';
    end if;
    -- One batch at a time in the whole log: two scrubs may each hold a stream of the same key.
    lock table annals.scrubbed in share row exclusive mode;
    -- gap: between the lock and what it guards

    select * into there from annals.streams as s where s.stream_name = stream;
    if not found then
        perform annals.check_stream(there, stream, -4);
    elsif there.first_version = 1 and there.tombstoned_at is null then
        raise exception 'stream % shows all its events', stream
            using errcode = 'LG012', detail = json_build_object('stream', stream)::text,
                  hint = 'delete, truncate or tombstone it first';
    end if;

    -- Snapshots hold what the events told; those that were taken before do not count any more.
    delete from annals.snapshots as n
    where n.stream_id = there.stream_id and n.first_version < there.first_version;
    events_removed := 0;
    keys_removed := 0;
    select * into run from annals.deletions as d
    where d.stream_id = there.stream_id and d.verb = 'scrub' and d.finished_at is null;
    if not found then
        done := not exists (
            select from annals.events as e
            where e.stream_id = there.stream_id and e.version < there.first_version);
        if done then
            return;
        end if;
        insert into annals.deletions as d (verb, stream_id, stream_name, version, first_version, reason, finished_at)
        values ('scrub', there.stream_id, stream, there.version, there.first_version, scrub_stream.reason, null)
        returning d.* into run;
    end if;

    -- gap: between the row of the scrub and the keys
    if not run.keys_are_gone then
        keys_removed := annals.forget_keys(there.stream_id, run.first_version, max);
        run.keys_are_gone := keys_removed < max;
    end if;
    -- gap: between the keys and the events
    if run.keys_are_gone then
        events_removed := annals.remove_events(there.stream_id, run.first_version, max - keys_removed);
    end if;
    -- gap: before a batch is committed
    done := keys_removed + events_removed < max;
    update annals.deletions as d
    set keys_are_gone = run.keys_are_gone,
        keys_removed = d.keys_removed + scrub_stream.keys_removed,
        events_removed = d.events_removed + scrub_stream.events_removed,
        finished_at = case when done then clock_timestamp() end
    where d.deletion_id = run.deletion_id;
    -- The stream may have been truncated further since the scrub began: the next call begins another one.
    done := done and run.first_version = there.first_version;
end
$$;

-- The role that may remove events, by annals.remove_events; null while there is none.
create function annals.scrubber() returns name
language sql stable
as $$
    select r.rolname
    from pg_proc as p
    join pg_roles as r on r.oid = p.proowner
    where p.oid = 'annals.remove_events(bigint, bigint, bigint)'::regprocedure
      and not r.rolcanlogin
      and not r.rolsuper
      and p.proowner <> (select c.relowner from pg_class as c where c.oid = 'annals.events'::regclass)
$$;

comment on function annals.scrub_stream(text, text, integer) is
    'removes a batch of the events that a deleted or truncated stream no longer shows; call it until it is done';

revoke all on all functions in schema annals from public;
