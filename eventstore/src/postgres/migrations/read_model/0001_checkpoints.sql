-- Checkpoints: how far each consumer has come, kept beside its read model.
--
-- Takes milliseconds and no lock that anybody waits for: the table is new.

create table annals.checkpoints (
    consumer   text collate "C" not null,
    version    integer not null,
    partition  integer not null,
    -- The log the position belongs to, and the event that stands there.
    lineage    uuid not null,
    position   bigint not null default 0,
    event_id   uuid,
    -- Rises with each owner; an old owner's update finds another number and rolls back.
    epoch      bigint not null default 0,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (consumer, version, partition)
)
-- A few rows, each updated with every batch.
with (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

comment on table annals.checkpoints is 'how far each consumer has come; written in the transaction of its read model';
