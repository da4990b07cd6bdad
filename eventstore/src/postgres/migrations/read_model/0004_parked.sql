-- Events that a projection could not apply, what operators ask about them, and what they did.
--
-- Takes milliseconds and no lock that anybody waits for: the tables are new.

-- An event that cannot be applied, and all later events of its key: a key is blocked while it has a row.
create table annals.parked (
    consumer    text collate "C" not null,
    version     integer not null,
    partition   integer not null,
    key         text collate "C" not null,
    position    bigint not null,
    event_id    uuid not null,
    stream_name text not null,
    event_type  text not null,
    -- Why it could not be applied; null for one that only waits behind another of its key.
    reason      text,
    -- How often it was tried.
    attempts    integer not null,
    parked_at   timestamptz not null default clock_timestamp(),
    primary key (consumer, version, position)
);

create index parked_key_idx on annals.parked (consumer, version, partition, key, position);

comment on table annals.parked is 'events that wait for an operator: what could not be applied, and what came after it for the same key';

-- What somebody asks of the owner of a slot, which alone may touch its read model.
create table annals.control (
    control_id   bigint generated always as identity primary key,
    consumer     text collate "C" not null,
    version      integer not null,
    partition    integer not null,
    verb         text not null check (verb in ('retry', 'discard')),
    key          text collate "C" not null,
    reason       text not null,
    asked_by     text not null default session_user,
    asked_at     timestamptz not null default clock_timestamp(),
    done_at      timestamptz,
    -- What came of it.
    outcome      text
);

create index control_open_idx on annals.control (consumer, version, partition, control_id) where done_at is null;

comment on table annals.control is 'what operators ask of the runners; rows stay when they are done';

-- What was done to projections by hand, and by whom.
create table annals.projection_audit (
    audit_id  bigint generated always as identity primary key,
    consumer  text collate "C" not null,
    version   integer not null,
    verb      text not null,
    -- What it was done to: a key, a position.
    subject   text,
    reason    text not null,
    by_whom   text not null default session_user,
    at        timestamptz not null default clock_timestamp()
);

create index projection_audit_consumer_idx on annals.projection_audit (consumer, version, audit_id);

comment on table annals.projection_audit is 'who did what to a projection by hand, when and why';

-- Which schema a projection owns, so that its tables are known to whoever empties them.
alter table annals.projections add column schema_name text;
