-- Rebuilds: a projection is filled anew in a schema beside its own, and the two change places.
--
-- Takes milliseconds; runners that look for slots at this moment wait for it.

create table annals.rebuilds (
    rebuild_id   bigint generated always as identity primary key,
    consumer     text collate "C" not null,
    version      integer not null,
    -- The version whose tables it replaces: the same, or an older one.
    replaces     integer not null,
    -- asked -> filling -> swapped -> done; before the swap also -> cancelling -> cancelled, -> failing -> failed
    state        text not null default 'asked'
        check (state in ('asked', 'filling', 'swapped', 'done', 'cancelling', 'cancelled', 'failing', 'failed')),
    -- What holds it up, until somebody sees to it.
    waits_for    text,
    failure      text,
    -- A query that has to be content with the new tables before they change places.
    verification text,
    -- Events a second, over all slots; null for any number.
    throttle     bigint check (throttle > 0),
    -- Whether the old tables stay, in a schema of their own.
    keeps_old    boolean not null,
    reason       text not null,
    asked_by     text not null default session_user,
    asked_at     timestamptz not null default clock_timestamp(),
    began_at     timestamptz,
    -- From then on until it was swapped no batch of the projection could commit.
    frozen_at    timestamptz,
    swapped_at   timestamptz,
    -- How far each slot had come then, slot 0 first: from there on events are applied by the new tables alone.
    handed_over  bigint[],
    ended_at     timestamptz
);

create unique index rebuilds_open_idx on annals.rebuilds (consumer) where ended_at is null;
create index rebuilds_consumer_idx on annals.rebuilds (consumer, rebuild_id);

comment on table annals.rebuilds is 'projections that are, or were, built anew beside the live ones';

-- A version whose tables another version fills is nobody's to work on: a newer one until it has been built beside the
-- older, the older one from then on.
alter table annals.projections
    add column standing text not null default 'live' check (standing in ('live', 'building', 'replaced'));
