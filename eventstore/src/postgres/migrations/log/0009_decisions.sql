-- Decisions: several commands' events in one append, each with a key of its own, and unique claims.
--
-- Takes milliseconds: one new table, else only functions. annals.append_events is used as it is and knows
-- nothing of this.

-- Keys that one stream holds and no other may.
create table annals.claims (
    space      text collate "C" not null,
    value      text collate "C" not null,
    -- The name of the stream.
    holder     text collate "C" not null,
    claimed_at timestamptz not null default clock_timestamp(),
    primary key (space, value)
);

create index claims_holder_idx on annals.claims (holder);

comment on table annals.claims is 'keys that one stream holds and no other may, taken and released with its events';

-- Takes and releases claims for a stream, in the order of the claims, so that no two calls wait for each other.
-- LG011 where another stream holds one that is to be taken.
create function annals.change_claims(stream text, spaces text[], claim_values text[], taken boolean[], held boolean[])
returns void
language plpgsql
as $$
declare
    change record;
    told   text;
begin
    for change in
        select c.space, c.value, c.taken, c.held
        from unnest(spaces, claim_values, taken, held) as c (space, value, taken, held)
        order by c.space collate "C", c.value collate "C"
    loop
        if change.taken then
            insert into annals.claims as k (space, value, holder) values (change.space, change.value, stream)
            on conflict (space, value) do update
            set holder = excluded.holder
            where k.holder = excluded.holder
            returning k.holder into told;
            if not found then
                select k.holder into told from annals.claims as k
                where k.space = change.space and k.value = change.value;
                raise exception 'claim % % is held by stream %', change.space, change.value, told
                    using errcode = 'LG011', detail = json_build_object(
                        'space', change.space, 'value', change.value, 'holder', told)::text;
            end if;
        end if;
        if not change.held then
            delete from annals.claims as k
            where k.space = change.space and k.value = change.value and k.holder = stream;
        end if;
    end loop;
end
$$;

-- What keys were used for before: no row for those that were not.
create function annals.keys_used(
    stream text, event_types text[], payloads json[], event_counts integer[], keys uuid[], fingerprints bytea[])
returns table (decision integer, status text, from_version bigint, to_version bigint, from_position bigint,
               to_position bigint, already_applied boolean)
language sql volatile
as $$
    with parts as (
        select p.index::integer, p.key, p.fingerprint,
            (sum(p.events) over (order by p.index) - p.events + 1)::integer as first,
            (sum(p.events) over (order by p.index))::integer as last
        from unnest(event_counts, keys, fingerprints) with ordinality as p (events, key, fingerprint, index)
    )
    select p.index,
        case
            when k.fingerprint is null then 'cancelled'
            when k.stream_id is null or k.fingerprint <> coalesce(
                p.fingerprint,
                annals.fingerprint_of(stream, event_types[p.first : p.last], payloads[p.first : p.last]))
                then 'reused'
            else 'applied'
        end,
        r.from_version, r.to_version, r.from_position, r.to_position, r.already_applied
    from parts as p
    join annals.idempotency_keys as k on k.idempotency_key = p.key
    left join lateral annals.receipt_of(k.stream_id, k.from_version, k.to_version) as r on true
    order by p.index
$$;

-- Appends the events of several decisions to one stream, all or none; what drivers call.
--
-- Order inside one call: the claims, the stream's row, the keys, the fence, the positions. A call that waits for
-- another one's claim or key holds no reader back.
--
-- in   expected          0 no stream, n > 0 exactly n events
--      event_counts, keys, fingerprints     one a decision; keys and fingerprints may be null
--      claim_spaces, …   one a claim: whether it is to be taken, and whether it is held in the end
-- out  status stored: one row a decision; all are stored
--      status applied, reused, cancelled: one row for each decision whose key was used; nothing is stored
create function annals.append_decisions(
    stream text, expected bigint,
    event_ids uuid[], event_types text[], schema_versions integer[], payloads json[], metadatas json[],
    event_counts integer[], keys uuid[], fingerprints bytea[],
    claim_spaces text[], claim_values text[], claim_taken boolean[], claim_held boolean[])
returns table (decision integer, status text, from_version bigint, to_version bigint, from_position bigint,
               to_position bigint, already_applied boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    n       constant integer := coalesce(cardinality(event_counts), 0);
    keyed   constant bigint := (select count(k) from unnest(keys) as k);
    there   annals.streams;
    stored  record;
    written bigint;
    repeated boolean := false;
begin
    if n = 0 or expected is null or expected < 0
       or cardinality(keys) is distinct from n or cardinality(fingerprints) is distinct from n
       or exists (select from unnest(event_counts) as c where c is null or c < 1)
       or (select sum(c) from unnest(event_counts) as c) is distinct from cardinality(event_ids) then
        raise exception 'decisions refused: none, one without events, or arrays that differ in length'
            using errcode = 'LG004';
    end if;
    perform annals.check_target(stream, expected);
    if keyed > 0 and exists (
           select from annals.keys_used(stream, event_types, payloads, event_counts, keys, fingerprints))
       or cardinality(claim_spaces) > 0 then
        -- The very same call may have come before, its keys used and its claims since taken by another.
        select * into there from annals.streams as s where s.stream_name = stream;
        repeated := annals.version_before_repetition(there, expected, event_ids) is not null;
    end if;
    if keyed > 0 and not repeated then
        return query
        select * from annals.keys_used(stream, event_types, payloads, event_counts, keys, fingerprints);
        if found then
            return;
        end if;
    end if;
    if cardinality(claim_spaces) > 0 and not repeated then
        perform annals.change_claims(stream, claim_spaces, claim_values, claim_taken, claim_held);
    end if;

    if keyed > 0 and not repeated then
        if expected = 0 then
            -- Holds the name of a stream that is still to be; annals.append_events goes on from here.
            insert into annals.streams as s (stream_name, category, version)
            values (stream, split_part(stream, '-', 1), 0)
            on conflict do nothing;
        end if;
        select * into there from annals.streams as s where s.stream_name = stream for no key update;
        -- Any other version is refused below, where it is told in the words of all appends.
        if there.tombstoned_at is null
           and (expected = 0 and there.first_version > there.version
                or expected > 0 and there.first_version <= there.version and there.version = expected) then
            insert into annals.idempotency_keys (idempotency_key, stream_id, from_version, to_version, fingerprint)
            select p.key, there.stream_id, there.version + p.last - p.events + 1, there.version + p.last,
                coalesce(p.fingerprint, annals.fingerprint_of(
                    stream, event_types[(p.last - p.events + 1)::integer : p.last::integer],
                    payloads[(p.last - p.events + 1)::integer : p.last::integer]))
            from (
                select d.key, d.fingerprint, d.events, sum(d.events) over (order by d.index) as last
                from unnest(event_counts, keys, fingerprints) with ordinality
                    as d (events, key, fingerprint, index)
            ) as p
            where p.key is not null
            order by p.key
            on conflict do nothing;
            get diagnostics written = row_count;
            if written < keyed then
                raise exception 'an idempotency key was used meanwhile, or stands twice in one call'
                    using errcode = '40001';
            end if;
        end if;
    end if;

    select r.* into stored
    from annals.append_events(stream, expected, event_ids, event_types, schema_versions, payloads, metadatas) as r;
    if n = 1 then
        return query
        select 1, 'stored'::text, stored.from_version, stored.to_version, stored.from_position, stored.to_position,
            stored.already_applied;
        return;
    end if;
    return query
    select p.index::integer, 'stored'::text, p.before + 1, p.before + p.events,
        (select e.position from annals.events as e where e.stream_id = s.stream_id and e.version = p.before + 1),
        (select e.position from annals.events as e where e.stream_id = s.stream_id and e.version = p.before + p.events),
        stored.already_applied
    from (
        select d.index, d.events::bigint,
            (stored.from_version - 1 + sum(d.events) over (order by d.index) - d.events)::bigint as before
        from unnest(event_counts) with ordinality as d (events, index)
    ) as p
    join annals.streams as s on s.stream_name = stream
    order by p.index;
end
$$;

-- Tells which stream holds a claim; no row when none does.
create function annals.claim_holder(space text, value text) returns table (stream text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select k.holder
    from annals.claims as k
    where k.space = $1 and k.value = $2
$$;

comment on function annals.claim_holder(text, text) is 'the stream that holds a claim, or no row';

-- Nobody appends because a function happens to be open to all.
revoke all on all functions in schema annals from public;
