-- The fence: how readers know which positions can still change.
--
-- A position is drawn inside the append transaction, so a lower one can become visible after a higher one.
-- Before it draws, an appender therefore leaves a mark: a shared advisory lock whose number is the last
-- position drawn so far. Readers go no further than the lowest mark. The lock ends with the transaction,
-- whatever ends it; nothing here depends on time.
--
-- Takes milliseconds; only functions.

-- The upper 16 bits of this log's advisory locks, from 1 to 32767.
create function annals.fence_namespace() returns bigint
language sql immutable parallel safe
as $$ select 'annals'::regnamespace::oid::bigint operator(pg_catalog.%) 32767 operator(pg_catalog.+) 1 $$;

-- Tells whether this session has found the log sound, as annals.prepare_append has it do before it appends. Planned
-- into whoever calls it. A session that lies to itself here can only append to a log that needs repair.
create function annals.is_found_sound() returns boolean
language sql stable
as $$
    select pg_catalog.current_setting('annals_log.sound', true) operator(pg_catalog.=)
           'annals.events_position_seq'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.text is true
$$;

-- Enters the fence, once in a transaction. The caller holds its stream rows and has drawn no position yet.
--
-- Every other step is an expression: as a statement each would cost as much as all of them together.
-- out  the number of the mark; null when the transaction has entered before
-- raises  LG009 where an event lies above the last position: the sequence was set back under sessions that had found
--         the log sound; not looked at in SERIALIZABLE
create function annals.enter_fence() returns bigint
language plpgsql
as $$
declare
    -- Which transaction entered which log's fence. A setting left over by another transaction, or made by
    -- hand, carries another number and is not believed; one savepoint takes setting and lock away together.
    mark   constant text := pg_current_xact_id()::text || ':' || 'annals.events_position_seq'::regclass::oid;
    marks  text := coalesce(current_setting('annals_log.fence', true), '');
    last_drawn bigint;
    is_behind  boolean;
    done   text;
begin
    if mark = any (string_to_array(marks, ' ')) then
        return null;
    end if;
    -- gap: between the streams' rows and the last position
    -- An untouched sequence has no last value. What this statement sees was drawn before it reads that value, so an
    -- event above it was not drawn from this sequence. By order, since an index is used then however few rows the
    -- planner believes in.
    -- Not in SERIALIZABLE, where having looked for such an event makes a conflict of any two appends.
    select l.last_drawn,
        current_setting('transaction_isolation') <> 'serializable'
        and (select e.position from annals.events as e where e.position > l.last_drawn order by e.position limit 1)
            is not null
    into last_drawn, is_behind
    from (select coalesce(pg_sequence_last_value('annals.events_position_seq'), 0) as last_drawn offset 0) as l;
    if is_behind then
        perform annals.refuse_append();
    end if;
    -- gap: between the last position and the mark
    done := pg_advisory_xact_lock_shared((annals.fence_namespace() << 48) | last_drawn);
    -- Other logs' marks of this transaction stay; marks of earlier ones are dropped.
    if marks not like pg_current_xact_id()::text || ':%' then
        marks := '';
    end if;
    done := set_config('annals_log.fence', ltrim(marks || ' ' || mark), true);
    -- gap: between the mark and the draw
    return last_drawn;
end
$$;

-- Looks how far the log has settled.
--
-- Three steps, each seeing what the one before cannot have missed: the last position drawn, then the lowest
-- mark, then the rows. Folded into one snapshot they would lose events, hence LG006 in any isolation level that
-- has one snapshot for all. Tests stop at each line `gap`.
--
-- out  head          the position of the last event at or below `clear_to`, 0 when there is none: where a reader may
--                    go on. Its commit is on the disk, and with it that its position was drawn.
--      clear_to      nothing at or below it can appear any more – unless the server crashes: a position that was
--                    rolled back may then be drawn again. So it is no place to go on from.
--      is_held_back  whether an open append holds back what lies behind `clear_to`
--
-- A standby sees no marks. It answers with the published head instead: whoever published it had looked, and its commit
-- is replayed after those of the events that it stands for.
create function annals.look(out head bigint, out clear_to bigint, out is_held_back boolean)
language plpgsql volatile
as $$
declare
    last_drawn bigint;
    fenced     bigint;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the log cannot be read in %', current_setting('transaction_isolation')
            using errcode = 'LG006', hint = 'read it in a READ COMMITTED transaction, or outside of any';
    end if;

    if pg_is_in_recovery() then
        clear_to := coalesce((select h.position from annals.head as h), 0);
        is_held_back := false;
        -- gap: between the published head and the rows of a standby
        head := clear_to;
        return;
    end if;

    -- gap: before the last position
    select case when is_called then last_value else 0 end into last_drawn
    from annals.events_position_seq;

    -- gap: between the last position and the marks
    -- A mark counts when its transaction also holds a row lock on this log's streams: no other log and no
    -- stranger's advisory lock can hold readers back. (A row lock not yet seen belongs to a position drawn
    -- after the step above; one already gone belongs to rows that the next step sees.)
    with locks as materialized (
        select locktype, mode, relation, virtualtransaction, classid::bigint as high, objid::bigint as low
        from pg_locks
        where database = (select oid from pg_database where datname = current_database())
          and granted
          and (   locktype = 'advisory' and mode = 'ShareLock' and objsubid = 1
               or locktype = 'relation' and mode = 'RowExclusiveLock')
    )
    select min(((mark.high & 65535) << 32) | mark.low) into fenced
    from locks as mark
    where mark.locktype = 'advisory'
      and mark.high >> 16 = annals.fence_namespace()
      and exists (
          select from locks as appender
          where appender.virtualtransaction = mark.virtualtransaction
            and appender.relation = 'annals.streams'::regclass);

    clear_to := least(last_drawn, fenced);
    is_held_back := coalesce(fenced < last_drawn, false);
    -- gap: between the marks and the rows
    head := coalesce(
        (select e.position from annals.events as e where e.position <= clear_to order by e.position desc limit 1), 0);
end
$$;

-- Returns the highest settled position: that of the last event behind which nothing can appear any more.
create function annals.head() returns bigint
language sql volatile
as $$ select l.head from annals.look() as l $$;

comment on function annals.head() is 'the highest settled position of the log';

-- Publishes the highest settled position, up to which standbys read; it only rises. Does nothing on a standby.
--
-- Look and publication share a transaction that has no part in any append, best one of its own.
--
-- out  whether an open append holds more back: then publish once more when it has ended
create function annals.publish_head() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    seen record;
begin
    if pg_is_in_recovery() then
        return false;
    end if;
    seen := annals.look();
    insert into annals.head as h (position) values (seen.head)
    on conflict (only_row) do update set position = excluded.position, published_at = excluded.published_at
    where h.position < excluded.position;
    return seen.is_held_back;
end
$$;
