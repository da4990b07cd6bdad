-- Runners that are alive, a row for each projection that each of them hosts.
--
-- Takes milliseconds and no lock that anybody waits for: the table is new.

create table annals.runners (
    -- One run: a process that begins again is another one.
    runner_id   uuid not null,
    consumer    text collate "C" not null,
    version     integer not null,
    name        text not null,
    address     text,
    build       text not null,
    started_at  timestamptz not null default clock_timestamp(),
    -- By the clock of this database; said anew as often as leases are renewed.
    alive_until timestamptz not null,
    primary key (runner_id, consumer, version)
)
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

create index runners_consumer_idx on annals.runners (consumer, version);

comment on table annals.runners is 'who hosts which projection, for whoever looks for them';
