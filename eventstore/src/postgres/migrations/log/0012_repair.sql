-- Whether the log is sound, and how it is made so again.
--
-- A restore of the data alone, or a failover to a logical replica, leaves the sequence of the positions behind the
-- events. Positions drawn from it would fill holes behind the readers' cursors, and nobody would ever see those events.
-- So a session does not append before it has found the log sound, and nothing but a repair lets it.
--
-- Takes milliseconds; only functions.

-- The numbers that tables give their own rows: how far they were given out, and how far they are used.
create function annals.numbers_given() returns table (of_what text, given_by text, given bigint, used bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select n.of_what, n.given_by, coalesce(pg_sequence_last_value(n.given_by::regclass), 0), n.used
    from (values
        ('streams', pg_get_serial_sequence('annals.streams', 'stream_id'),
         coalesce((select max(s.stream_id) from annals.streams as s), 0)),
        ('deletions', pg_get_serial_sequence('annals.deletions', 'deletion_id'),
         coalesce((select max(d.deletion_id) from annals.deletions as d), 0))) as n (of_what, given_by, used)
$$;

-- Tells what is wrong with the log; no row when nothing is. Also what `annals doctor` asks.
--
-- out  finding  one word
--      detail   what was found
--      remedy   what to do
create function annals.examine_log() returns table (finding text, detail text, remedy text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with sequence as (
        -- The last value is no part of the snapshot: it is at least as far as the events that are seen.
        select q.seqincrement, q.seqcache, q.seqcycle, q.seqmin,
            coalesce(pg_sequence_last_value(q.seqrelid::regclass), 0) as last_drawn,
            greatest(0, (select max(e.position) from annals.events as e),
                     (select max(s.position) from annals.scrubbed as s),
                     (select h.position from annals.head as h)) as last_position
        from pg_sequence as q
        where q.seqrelid = 'annals.events_position_seq'::regclass
    )
    select 'sequence-behind',
        format('the last position drawn is %s, the last one used %s', s.last_drawn, s.last_position),
        'run: annals db repair'
    from sequence as s
    where s.last_drawn < s.last_position
    union all
    select 'sequence-cache', format('sessions keep %s positions in reserve and use them late', s.seqcache),
        'run: annals db repair'
    from sequence as s
    where s.seqcache <> 1
    union all
    select 'sequence-order',
        format('positions do not simply rise: increment %s%s', s.seqincrement, case when s.seqcycle then ', cycling' end),
        'run: annals db repair'
    from sequence as s
    where s.seqincrement < 1 or s.seqcycle
    union all
    select 'numbers-behind',
        format('numbers of %s are given out up to %s, and used up to %s', n.of_what, n.given, n.used),
        'run: annals db repair'
    from annals.numbers_given() as n
    where n.given < n.used
    union all
    select 'no-lineage', 'the log does not know which log it is', 'run: annals db repair'
    where not exists (select from annals.lineage)
$$;

-- Gets a session ready to append: sees that commits wait for the disk, and once that the log is sound.
--
-- raises  LG009 the log needs repair
create function annals.prepare_append() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    wrong record;
begin
    -- An asynchronous commit could be read by others, lost in a crash, and its positions drawn again.
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    if annals.is_found_sound() then
        return;
    end if;
    select * into wrong from annals.examine_log() limit 1;
    if found then
        raise exception 'the log needs repair: %', wrong.detail
            using errcode = 'LG009', hint = wrong.remedy,
                  detail = json_build_object('finding', wrong.finding)::text;
    end if;
    perform set_config('annals_log.sound', 'annals.events_position_seq'::regclass::oid::text, false);
end
$$;

-- Refuses an append although its session has found the log sound (LG009): the sequence was set back since, or altered.
create function annals.refuse_append() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    wrong record;
begin
    select * into wrong from annals.examine_log() limit 1;
    raise exception 'the log needs repair: %', coalesce(wrong.detail, 'a position was drawn that readers have passed')
        using errcode = 'LG009', hint = coalesce(wrong.remedy, 'run: annals db repair'),
              detail = json_build_object('finding', coalesce(wrong.finding, 'sequence-behind'))::text;
end
$$;

-- Refuses to read on for one who has read another log (LG014): at the position stands not the event that was read.
--
-- in   position  where the reader has come, the position of an event
--      seen      the id of that event
create function annals.check_cursor("position" bigint, seen uuid) returns void
language plpgsql stable
as $$
declare
    -- The last one at or before it, were it scrubbed since: an older log may end before.
    found_there constant uuid := (
        select l.event_id
        from ((select e.position, e.event_id from annals.events as e
               where e.position <= $1 order by e.position desc limit 1)
              union all
              (select s.position, s.event_id from annals.scrubbed as s
               where s.position <= $1 order by s.position desc limit 1)) as l
        order by l.position desc
        limit 1);
begin
    if found_there is distinct from seen then
        raise exception 'the log is not the one that was read: at position % stands another event', $1
            using errcode = 'LG014',
                  detail = json_build_object('position', $1, 'seen', seen, 'found', found_there)::text,
                  hint = 'it was restored to an older state, or replaced: let the reader begin anew';
    end if;
end
$$;

-- Makes the log sound again, and another one: it gets a new lineage, by which checkpoints elsewhere notice. Checkpoints
-- in this database go on where the event stands that they name.
--
-- For the owner of the log, in a transaction of its own; appends wait meanwhile, and so does another repair.
--
-- out  done  what was done, a line each
-- raises  LG006 where one snapshot would hide what others did before the lock was had
create function annals.repair_log() returns table (done text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    before    uuid;
    after     uuid;
    furthest  bigint;
    numbers   record;
    adopted   bigint;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the log cannot be repaired in %', current_setting('transaction_isolation')
            using errcode = 'LG006', hint = 'repair it in a READ COMMITTED transaction, or outside of any';
    end if;
    lock table annals.streams in exclusive mode;
    -- Now that no other repair can come between.
    before := (select l.lineage from annals.lineage as l order by l.since desc limit 1);
    select greatest(0, (select max(e.position) from annals.events as e),
                    (select max(s.position) from annals.scrubbed as s), (select h.position from annals.head as h))
    into furthest;
    if coalesce(pg_sequence_last_value('annals.events_position_seq'), 0) < furthest then
        perform setval('annals.events_position_seq', furthest);
        done := format('the next position is drawn behind %s', furthest);
        return next;
    end if;
    if exists (select from annals.examine_log() as f where f.finding in ('sequence-cache', 'sequence-order')) then
        alter sequence annals.events_position_seq increment by 1 cache 1 no cycle;
        done := 'positions are drawn one by one again';
        return next;
    end if;
    for numbers in select * from annals.numbers_given() as n where n.given < n.used loop
        perform setval(numbers.given_by, numbers.used);
        done := format('numbers of %s are given out behind %s', numbers.of_what, numbers.used);
        return next;
    end loop;
    insert into annals.lineage as l default values returning l.lineage into after;
    done := format('the log is %s from now on', after);
    return next;
    if to_regclass('annals.checkpoints') is not null then
        execute $adopt$
            update annals.checkpoints as c set lineage = $2
            where c.lineage = $1
              and (c.position = 0
                   or exists (select from annals.events as e
                              where e.position = c.position and e.event_id = c.event_id)
                   or exists (select from annals.scrubbed as s
                              where s.position = c.position and s.event_id = c.event_id))
        $adopt$ using before, after;
        get diagnostics adopted = row_count;
        done := format('%s checkpoints of this database go on', adopted);
        return next;
    end if;
end
$$;

revoke all on all functions in schema annals from public;
