-- Projections and the leases of their slots, kept beside the read models.
--
-- Takes milliseconds and no lock that anybody waits for: the tables are new.

create table annals.projections (
    consumer      text collate "C" not null,
    version       integer not null,
    -- Events are dealt to so many slots by a hash of their key.
    partitions    integer not null check (partitions between 1 and 4096),
    -- While it is paused nobody holds a lease of it.
    paused        boolean not null default false,
    registered_at timestamptz not null default clock_timestamp(),
    primary key (consumer, version)
);

comment on table annals.projections is 'the projections that runners host, and into how many slots each is dealt';

-- A row of its own beside the checkpoint: a renewal never waits for the commit of a batch.
create table annals.leases (
    consumer    text collate "C" not null,
    version     integer not null,
    partition   integer not null,
    -- One run of one runner; null where nobody holds the slot.
    owner       uuid,
    -- The epoch of the checkpoint under which the owner took it.
    epoch       bigint not null default 0,
    -- By the clock of this database.
    lease_until timestamptz not null default timestamptz 'epoch',
    -- Why the slot stopped; nobody takes it before it is resumed.
    stopped     text,
    primary key (consumer, version, partition),
    foreign key (consumer, version) references annals.projections on delete cascade
)
-- A few rows, each renewed several times a minute.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

create index leases_owner_idx on annals.leases (owner);

comment on table annals.leases is 'who works on which slot of a projection, and until when';
