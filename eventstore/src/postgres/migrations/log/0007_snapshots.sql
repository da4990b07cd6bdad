-- Snapshots: states of streams, kept so that a load reads only the events behind them.
--
-- Takes milliseconds: one new table, else only functions. The table may be emptied at any time.

create table annals.snapshots (
    stream_id     bigint not null,
    -- Whose state it is, and how it is written down.
    kind          text collate "C" not null,
    shape         text collate "C" not null,
    -- The last event in it.
    version       bigint not null,
    event_id      uuid not null,
    -- From which version on the stream was shown.
    first_version bigint not null,
    state         json not null,
    -- SHA-256 of version and state.
    state_hash    bytea not null,
    taken_at      timestamptz not null default clock_timestamp(),
    primary key (stream_id, kind, shape, version)
);

comment on table annals.snapshots is 'states of streams; may be emptied at any time, loads then take longer';

-- Keeps a snapshot, and the youngest `keep` of its stream, kind and shape.
--
-- out  false where the stream does not show an event of that version
create function annals.write_snapshot(
    stream text, kind text, shape text, version bigint, state json, state_hash bytea, keep integer)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    target bigint;
begin
    insert into annals.snapshots as n (stream_id, kind, shape, version, event_id, first_version, state, state_hash)
    select s.stream_id, write_snapshot.kind, write_snapshot.shape, e.version, e.event_id, s.first_version,
        write_snapshot.state, write_snapshot.state_hash
    from annals.streams as s
    join annals.events as e on e.stream_id = s.stream_id
    where s.stream_name = stream and s.tombstoned_at is null
      and e.version = write_snapshot.version and e.version >= s.first_version
    -- What stands there may be damaged.
    on conflict on constraint snapshots_pkey do update
    set event_id = excluded.event_id, first_version = excluded.first_version, state = excluded.state,
        state_hash = excluded.state_hash, taken_at = excluded.taken_at
    returning n.stream_id into target;
    if target is null then
        return false;
    end if;
    delete from annals.snapshots as o
    where o.stream_id = target and o.kind = write_snapshot.kind and o.shape = write_snapshot.shape
      and o.version < (
          select min(y.version)
          from (
              select k.version from annals.snapshots as k
              where k.stream_id = target and k.kind = write_snapshot.kind and k.shape = write_snapshot.shape
              order by k.version desc limit greatest(keep, 1)
          ) as y);
    return true;
end
$$;

-- Removes the snapshots of a kind that have another shape; returns how many there were.
create function annals.prune_snapshots(kind text, shape text) returns bigint
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    with pruned as (
        delete from annals.snapshots as s
        where s.kind = $1 and s.shape <> $2
        returning 1
    )
    select count(*) from pruned
$$;

-- Nobody writes because a function happens to be open to all.
revoke all on all functions in schema annals from public;
