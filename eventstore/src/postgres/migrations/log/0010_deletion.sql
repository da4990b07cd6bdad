-- Deleting: what is read of a stream begins later, or ends for ever. The log keeps showing the events until they
-- are scrubbed.
--
-- Takes milliseconds: two new tables, else only functions.

-- Who changed what of a stream, when and why: a row for each call that changed something, one for each scrub. It
-- outlives the events.
create table annals.deletions (
    deletion_id    bigint generated always as identity primary key,
    verb           text not null check (verb in ('delete', 'truncate', 'tombstone', 'scrub')),
    stream_id      bigint not null,
    stream_name    text collate "C" not null,
    -- What the stream was at, and the first version that is read since.
    version        bigint not null,
    first_version  bigint not null,
    reason         text,
    -- The role that logged in, whoever's rights it used.
    requested_by   text not null default session_user,
    requested_at   timestamptz not null default clock_timestamp(),
    -- What a scrub has removed so far; it goes on where it stopped. Null in finished_at: it has not come to its end.
    keys_are_gone  boolean not null default false,
    keys_removed   bigint not null default 0,
    events_removed bigint not null default 0,
    finished_at    timestamptz default clock_timestamp()
);

create unique index deletions_open_scrub_key on annals.deletions (stream_id)
where verb = 'scrub' and finished_at is null;

comment on table annals.deletions is 'who deleted, truncated, tombstoned or scrubbed which stream, when and why';

-- The positions whose events were scrubbed, and the ids those had. A checkpoint that ends on such an event still
-- belongs to this log: where its position and id stand here, the event was scrubbed; where they stand neither here
-- nor among the events, the log is another one. And a sequence that is repaired has to lie above these, too.
create table annals.scrubbed (
    position bigint primary key,
    event_id uuid not null
);

comment on table annals.scrubbed is 'positions whose events were scrubbed; they are never used again';

-- Releases the claims of a stream that ends: whoever comes to it next begins anew and does not know of them, or
-- nobody comes any more.
--
-- In the order of the claims and, like an append, before the stream's row is locked; what an append takes meanwhile
-- is released once the row is.
create function annals.release_claims(stream text) returns void
language sql volatile
as $$
    with held as (
        select k.space, k.value from annals.claims as k
        where k.holder = stream
        order by k.space, k.value
        for update
    )
    delete from annals.claims as k using held as h
    where k.space = h.space and k.value = h.value and k.holder = stream
$$;

-- Deletes a stream: reads say that there is none, while its versions go on counting. An append at no stream or any
-- version begins it again. Its claims are released.
--
-- in   stream    its name
--      expected  as of annals.append; -4, that it exists, unless told otherwise
--      reason    kept in annals.deletions
-- out  the stream's version, the first one that will be read, and whether there was nothing to delete
-- raises  LG001 wrong version (actual 0: no such stream, or deleted), LG002 tombstoned, LG004, LG005
create function annals.delete_stream(
    stream text, expected bigint default -4, reason text default null,
    out version bigint, out first_version bigint, out already_applied boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    there annals.streams;
begin
    perform annals.check_deletion(stream, expected);
    perform annals.release_claims(stream);
    -- The row is the lock: appends and other deletions queue for it.
    select * into there from annals.streams as s where s.stream_name = stream for no key update;
    perform annals.check_stream(there, stream, expected);
    already_applied := there.first_version <= there.version is not true;
    if not already_applied then
        perform annals.release_claims(stream);
        update annals.streams as s set first_version = s.version + 1 where s.stream_id = there.stream_id;
        insert into annals.deletions (verb, stream_id, stream_name, version, first_version, reason)
        values ('delete', there.stream_id, stream, there.version, there.version + 1, delete_stream.reason);
    end if;
    version := coalesce(there.version, 0);
    first_version := version + 1;
end
$$;

-- Ends a stream for ever: LG002 for every append, no reads; its claims are released. A stream that does not exist is closed, too, where
-- that is as expected (at any version or at no stream).
--
-- in, out  as annals.delete_stream; already_applied: it was tombstoned before, at the version expected
-- raises  LG001 wrong version, LG002 tombstoned at another version, LG004, LG005
create function annals.tombstone_stream(
    stream text, expected bigint default -4, reason text default null,
    out version bigint, out first_version bigint, out already_applied boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    there annals.streams;
begin
    perform annals.check_deletion(stream, expected);
    perform annals.release_claims(stream);
    loop
        select * into there from annals.streams as s where s.stream_name = stream for no key update;
        version := there.version;
        first_version := version + 1;
        already_applied := there.tombstoned_at is not null and expected in (-2, -4, version);
        if already_applied then
            return;
        end if;
        perform annals.check_stream(there, stream, expected);
        exit when version is not null;
        -- A row without a version holds the name; who comes between is seen in the next round.
        perform annals.take_stream(stream, 0, 0);
    end loop;
    perform annals.release_claims(stream);
    update annals.streams as s
    set first_version = s.version + 1, tombstoned_at = clock_timestamp()
    where s.stream_id = there.stream_id;
    insert into annals.deletions (verb, stream_id, stream_name, version, first_version, reason)
    values ('tombstone', there.stream_id, stream, there.version, there.version + 1, tombstone_stream.reason);
    already_applied := false;
end
$$;

-- Lets reads of a stream begin at a later version. It goes on, and holds what it holds.
--
-- in   stream          its name
--      before_version  the first version that will be read, at most the version of the last event
--      expected, reason  as annals.delete_stream
-- out  as annals.delete_stream; already_applied: reads began there or later before
-- raises  LG001 wrong version (actual 0: no such stream, or deleted), LG002 tombstoned, LG004 (also where nothing
--         would be left), LG005
create function annals.truncate_stream(
    stream text, before_version bigint, expected bigint default -4, reason text default null,
    out version bigint, out first_version bigint, out already_applied boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    there annals.streams;
begin
    perform annals.check_deletion(stream, expected);
    if before_version is null or before_version < 1 then
        raise exception 'a stream cannot be truncated before version %', coalesce(before_version::text, 'null')
            using errcode = 'LG004', hint = 'the first event has version 1';
    end if;
    select * into there from annals.streams as s where s.stream_name = stream for no key update;
    perform annals.check_stream(there, stream, expected);
    if there.first_version <= there.version is not true then
        -- Whatever was expected, there is nothing to truncate.
        perform annals.check_stream(there, stream, -4);
    end if;
    if before_version > there.version then
        raise exception 'stream % is at version %: nothing would be left before version %', stream, there.version,
            before_version using errcode = 'LG004', hint = 'to remove all of it, delete it';
    end if;
    already_applied := before_version <= there.first_version;
    if not already_applied then
        update annals.streams as s set first_version = before_version where s.stream_id = there.stream_id;
        insert into annals.deletions (verb, stream_id, stream_name, version, first_version, reason)
        values ('truncate', there.stream_id, stream, there.version, before_version, truncate_stream.reason);
    end if;
    version := there.version;
    first_version := greatest(before_version, there.first_version);
end
$$;

-- Refuses a malformed call, and lets the commit be durable: a crash must not bring back what was deleted.
create function annals.check_deletion(stream text, expected bigint) returns void
language plpgsql
as $$
begin
    perform annals.check_target(stream, expected);
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
end
$$;

comment on function annals.delete_stream(text, bigint, text) is
    'deletes a stream; it may begin again, and its versions go on counting';
comment on function annals.tombstone_stream(text, bigint, text) is 'ends a stream for ever';
comment on function annals.truncate_stream(text, bigint, bigint, text) is 'lets reads of a stream begin later';
