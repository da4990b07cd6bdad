-- Claims: with appends to several streams, and released by an operator.
--
-- Takes milliseconds: one new table, else only functions. Programs that were open before go on working.

-- Who released which claim in place of the stream that held it, when and why.
create table annals.claim_releases (
    release_id   bigint generated always as identity primary key,
    space        text collate "C" not null,
    value        text collate "C" not null,
    holder       text collate "C" not null,
    claimed_at   timestamptz not null,
    reason       text not null,
    -- The role that logged in, whoever's rights it used.
    requested_by text not null default session_user,
    requested_at timestamptz not null default clock_timestamp()
);

comment on table annals.claim_releases is 'who released which claim in place of its holder, when and why';

-- Appends events to several streams and takes and releases claims for them, all or none; what drivers call where
-- there are claims.
--
-- Order inside one call: the claims in their order, so that no two calls wait for each other, then what
-- annals.append_many_events does.
--
-- in   streams … fingerprint     as of annals.append_many_events
--      claim_streams, …          one a change: the stream, which is given events, the claim, and whether it is taken
--                                or released; changes of one claim happen in the order given
-- out  as of annals.append_many_events
-- raises  LG011 where another stream holds a claim that is to be taken
create function annals.append_many_claiming(
    streams text[], expected bigint[], event_counts integer[],
    event_ids uuid[], event_types text[], schema_versions integer[], payloads json[], metadatas json[],
    idempotency_key uuid, fingerprint bytea,
    claim_streams text[], claim_spaces text[], claim_values text[], claim_taken boolean[])
returns table (stream text, from_version bigint, to_version bigint, from_position bigint, to_position bigint,
               already_applied boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    n      constant integer := coalesce(cardinality(claim_streams), 0);
    change record;
begin
    perform annals.check_append_many(
        streams, expected, event_counts, event_ids, event_types, schema_versions, payloads, metadatas);
    if cardinality(claim_spaces) is distinct from n or cardinality(claim_values) is distinct from n
       or cardinality(claim_taken) is distinct from n
       or exists (
           select from unnest(claim_streams) as c (name)
           where not exists (
               select from unnest(streams, event_counts) as p (name, events) where p.name = c.name and p.events > 0))
    then
        raise exception 'claims refused: of a stream that is given no events, or arrays that differ in length'
            using errcode = 'LG004';
    end if;
    -- The very same call may have come before, and its claims since taken by another.
    if idempotency_key is not null then
        return query
        select * from annals.receipts_under_key(idempotency_key, coalesce(
            fingerprint, annals.fingerprint_of_many(streams, event_counts, event_types, payloads)));
        if found then
            return;
        end if;
    end if;
    return query select * from annals.receipts_of_repetition(streams, expected, event_counts, event_ids);
    if found then
        return;
    end if;

    for change in
        select c.name, c.space, c.value, c.taken
        from unnest(claim_streams, claim_spaces, claim_values, claim_taken) with ordinality
            as c (name, space, value, taken, index)
        order by c.space collate "C", c.value collate "C", c.index
    loop
        perform annals.change_claims(
            change.name, array[change.space], array[change.value], array[change.taken], array[change.taken]);
    end loop;
    return query
    select * from annals.append_many_events(
        streams, expected, event_counts, event_ids, event_types, schema_versions, payloads, metadatas,
        idempotency_key, fingerprint);
end
$$;

-- Tells which stream holds a claim and since when; no row when none does.
create function annals.find_claim(space text, value text) returns table (stream text, claimed_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select k.holder, k.claimed_at
    from annals.claims as k
    where k.space = $1 and k.value = $2
$$;

comment on function annals.find_claim(text, text) is 'the stream that holds a claim, and since when, or no row';

-- Releases a claim in place of the stream that holds it, which learns nothing of it.
--
-- in   space, value  the claim
--      reason        kept in annals.claim_releases
--      holder        the stream that must hold it, or null for any
-- out  the stream that held it, and since when
-- raises  LG011 another stream than `holder` holds it, LG015 no stream does, LG004 no reason
create function annals.release_claim(
    space text, value text, reason text, holder text default null,
    out stream text, out claimed_at timestamptz)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(reason, '') = '' then
        raise exception 'a claim is released for a reason' using errcode = 'LG004';
    end if;
    -- A release that a crash undid would have been told all the same.
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    -- The row is the lock: whoever takes or releases the claim at the same time is waited for.
    select k.holder, k.claimed_at into stream, claimed_at
    from annals.claims as k
    where k.space = release_claim.space and k.value = release_claim.value
    for update;
    if stream is null then
        raise exception 'claim % % is held by no stream', space, value
            using errcode = 'LG015', detail = json_build_object('space', space, 'value', value)::text;
    end if;
    if stream <> holder then
        raise exception 'claim % % is held by stream %', space, value, stream
            using errcode = 'LG011', detail = json_build_object(
                'space', space, 'value', value, 'holder', stream)::text;
    end if;
    delete from annals.claims as k where k.space = release_claim.space and k.value = release_claim.value;
    insert into annals.claim_releases (space, value, holder, claimed_at, reason)
    values (release_claim.space, release_claim.value, release_claim.stream, release_claim.claimed_at,
        release_claim.reason);
end
$$;

comment on function annals.release_claim(text, text, text, text) is
    'releases a claim in place of the stream that holds it, and keeps who did so and why';

-- Nobody appends because a function happens to be open to all.
revoke all on all functions in schema annals from public;
