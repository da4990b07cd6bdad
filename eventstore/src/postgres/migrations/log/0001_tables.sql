-- The log: streams, events, idempotency keys, lineage, the published head.
--
-- Takes milliseconds and no lock that anybody waits for: every table is new.

create table annals.streams (
    stream_id     bigint generated always as identity primary key,
    stream_name   text collate "C" not null unique,
    -- The name up to its first '-'. Not a generated column: that would be worked out anew, from its source, by
    -- every statement that moves a version.
    category      text collate "C" not null,
    -- The number of events ever appended, which is the version of the last one.
    version       bigint not null,
    -- The first version that reads return. Above `version` the stream is deleted, and may begin again.
    first_version bigint not null default 1,
    -- Set once, for ever: no append, no read.
    tombstoned_at timestamptz
)
-- Every append updates its stream's row. Room on the page keeps that update off the indexes.
with (
    fillfactor = 75,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);

comment on table annals.streams is 'one row a stream: its name and version; only annals.append writes it';

-- CACHE 1: a session that kept numbers in reserve would use low ones late, behind the readers.
create sequence annals.events_position_seq as bigint minvalue 1 no cycle cache 1;

create table annals.events (
    position       bigint primary key,
    -- No foreign key: only the append function writes here, and it holds the stream's row.
    stream_id      bigint not null,
    version        bigint not null,
    event_id       uuid not null,
    event_type     text collate "C" not null,
    schema_version integer not null,
    data           json not null,
    metadata       json,
    recorded_at    timestamptz not null default clock_timestamp(),
    constraint events_stream_id_version_key unique (stream_id, version)
)
-- Rows are only ever added: vacuum has to freeze them and to keep the visibility map, nothing more.
with (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

alter sequence annals.events_position_seq owned by annals.events.position;

comment on table annals.events is 'the log; rows are added by annals.append and never change';

create table annals.idempotency_keys (
    idempotency_key uuid primary key,
    -- Where the events stand; null where they stand in several streams, or nowhere.
    stream_id       bigint,
    from_version    bigint,
    to_version      bigint,
    -- Null when the key was cancelled before it was used.
    fingerprint     bytea,
    recorded_at     timestamptz not null default clock_timestamp()
);

comment on table annals.idempotency_keys is 'appends that a repetition under the same key returns, for ever';

-- Which log this is. A restored or failed-over log gets a new row; the youngest one counts.
create table annals.lineage (
    lineage uuid primary key default gen_random_uuid(),
    since   timestamptz not null default clock_timestamp()
);

insert into annals.lineage default values;

-- How far the log had settled when somebody published it last: one row, empty before the first time. It only rises.
create table annals.head (
    only_row     boolean primary key default true check (only_row),
    position     bigint not null check (position >= 0),
    published_at timestamptz not null default clock_timestamp()
);

comment on table annals.head is 'the published head, up to which standbys read; moved by annals.publish_head() alone';

-- Events do not change: said by the database, to every role and also under replication. Let through is one
-- function, annals.remove_events, and that only once it belongs to a role that nobody can log in as and that is not
-- the owner of the log: no setting and no other right opens the door.
create function annals.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'DELETE' and exists (
        select from pg_proc as p
        join pg_roles as r on r.oid = p.proowner
        where p.oid = to_regprocedure('annals.remove_events(bigint, bigint, bigint)')
          and r.rolname = current_user
          and not r.rolcanlogin
          and not r.rolsuper
          and p.proowner <> (select c.relowner from pg_class as c where c.oid = tg_relid))
    then
        return null;
    end if;
    raise exception 'events are immutable: % refused on %', lower(tg_op), tg_table_name
        using errcode = 'LG007', hint = 'append a new event that corrects the old one';
end
$$;

create trigger events_are_immutable before update or delete or truncate on annals.events
    for each statement execute function annals.refuse_change();

alter table annals.events enable always trigger events_are_immutable;
