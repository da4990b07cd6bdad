-- Roles with the least rights for a log; running it again changes nothing, running it after a migration grants
-- what that brought. Afterwards the rights of these roles in the schema are exactly those below.
--
-- annals_owner      owns the schema and all that is in it; whoever is to migrate is granted it
-- annals_appender   appends, by functions alone: it draws no position and writes no row
-- annals_reader     reads events and streams
-- annals_projector  keeps checkpoints, and reads
-- annals_operator   deletes, truncates, tombstones, scrubs, releases claims; reads, and sees who did so before
-- annals_scrubber   owns the function that removes events; nobody logs in as it, nobody is granted it
--
-- None of them can log in: grant them to the roles that do, such as
--   grant annals_appender, annals_reader to shop;
--
-- Run it as a superuser; or as the owner of the log, where that role may create roles (CREATEROLE) and schemas in
-- this database. Who owned the log before is granted annals_owner, so that nothing stops working; once the
-- application has roles of its own, revoke that.
--
-- Takes milliseconds; appends wait while the owner changes, which is once.
begin;

-- One at a time in a database, and none while it is migrated.
select pg_advisory_xact_lock(1634627169, hashtext('annals'));

do $$
declare
    name text;
begin
    foreach name in array array['annals_owner', 'annals_appender', 'annals_reader', 'annals_projector',
                                'annals_operator', 'annals_scrubber'] loop
        if not exists (select from pg_roles as r where r.rolname = name) then
            begin
                execute format('create role %I nologin', name);
            exception
                -- Roles belong to all databases: those of another log were made at the same moment.
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
    if exists (select from pg_roles as r where r.rolname = 'annals_scrubber' and (r.rolcanlogin or r.rolsuper)) then
        raise exception 'role annals_scrubber may log in or is a superuser'
            using hint = 'alter role annals_scrubber nologin nosuperuser, or choose another prefix';
    end if;
end
$$;

-- The owner.
do $$
declare
    owner    constant regrole := 'annals_owner'::regrole;
    schema   constant regnamespace := 'annals'::regnamespace;
    before   constant oid := (select n.nspowner from pg_namespace as n where n.oid = schema);
    removing constant regprocedure := 'annals.remove_events(bigint, bigint, bigint)';
    -- From PostgreSQL 16 on who makes a role is a member of it and yet may not become it.
    become   constant text := case when current_setting('server_version_num')::integer >= 160000
                                   then 'set' else 'member' end;
    thing    text;
begin
    -- To give things to a role one has to be able to become it.
    if not pg_has_role(current_user, owner, become) then
        execute format('grant %s to %I', owner, current_user);
    end if;
    if before <> owner then
        if not pg_has_role(before, owner, become) then
            execute format('grant %s to %s', owner, before::regrole);
        end if;
        execute format('alter schema %s owner to %s', schema, owner);
    end if;
    for thing in
        select format('table %s', c.oid::regclass)
        from pg_class as c
        where c.relnamespace = schema and c.relowner <> owner and c.relkind in ('r', 'p')
        union all
        select format('view %s', c.oid::regclass)
        from pg_class as c
        where c.relnamespace = schema and c.relowner <> owner and c.relkind = 'v'
        union all
        -- A sequence of a column goes with its table.
        select format('sequence %s', c.oid::regclass)
        from pg_class as c
        where c.relnamespace = schema and c.relowner <> owner and c.relkind = 'S'
          and not exists (
              select from pg_depend as d
              where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i'))
        union all
        select format('function %s', p.oid::regprocedure)
        from pg_proc as p
        where p.pronamespace = schema and p.proowner <> owner and p.oid <> removing
    loop
        execute format('alter %s owner to %s', thing, owner);
    end loop;
end
$$;

-- The scrubber. It owns one function and may do what that one does.
do $$
declare
    scrubber constant regrole := 'annals_scrubber'::regrole;
    removing constant regprocedure := 'annals.remove_events(bigint, bigint, bigint)';
    become   constant text := case when current_setting('server_version_num')::integer >= 160000
                                   then 'set' else 'member' end;
    joins    constant boolean := not pg_has_role(current_user, scrubber, become);
begin
    if (select p.proowner from pg_proc as p where p.oid = removing) <> scrubber then
        if joins then
            execute format('grant %s to %I', scrubber, current_user);
        end if;
        execute format('grant create on schema annals to %s', scrubber);
        execute format('alter function %s owner to %s', removing, scrubber);
        execute format('grant execute on function %s to %s', removing, 'annals_owner');
        execute format('revoke create on schema annals from %s', scrubber);
        if joins then
            execute format('revoke %s from %I', scrubber, current_user);
        end if;
    end if;
end
$$;

revoke all on schema annals
    from public, annals_appender, annals_reader, annals_projector, annals_operator, annals_scrubber;
revoke all on all tables in schema annals
    from public, annals_appender, annals_reader, annals_projector, annals_operator, annals_scrubber;
revoke all on all sequences in schema annals
    from public, annals_appender, annals_reader, annals_projector, annals_operator, annals_scrubber;

grant usage on schema annals
    to annals_appender, annals_reader, annals_projector, annals_operator, annals_scrubber;

grant select, delete on annals.events to annals_scrubber;
grant select (stream_id, first_version) on annals.streams to annals_scrubber;
grant insert on annals.scrubbed to annals_scrubber;

-- What opening a log asks for.
grant select on annals.migrations, annals.lineage, annals.head, annals.scrubbed, annals.events_position_seq
    to annals_appender, annals_reader, annals_projector, annals_operator;

-- Appending is done by functions with the owner's rights; these are for finding receipts, and show no payload.
grant select on annals.idempotency_keys, annals.idempotency_parts to annals_appender, annals_operator;
grant select (position, stream_id, version) on annals.events to annals_appender;
grant select (stream_id, stream_name) on annals.streams to annals_appender;

grant select on annals.events, annals.streams, annals.snapshots to annals_reader, annals_projector, annals_operator;

grant select, insert, update, delete on annals.checkpoints, annals.leases, annals.parked, annals.runners
    to annals_projector;
-- A rebuild ends with its rows.
grant select, insert, update, delete on annals.projections to annals_projector;
grant select, insert, update on annals.rebuilds to annals_projector;
grant select, update, delete on annals.control to annals_projector;
grant insert on annals.projection_audit to annals_projector;

grant select on annals.deletions, annals.claim_releases, annals.checkpoints, annals.leases, annals.parked, annals.projections, annals.runners,
    annals.control, annals.projection_audit, annals.rebuilds
    to annals_operator;
-- What operators do to projections: pause, resume, set back, ask the owners of slots.
grant update (paused) on annals.projections to annals_operator;
grant update (owner, stopped) on annals.leases to annals_operator;
grant update (epoch, position, event_id, updated_at) on annals.checkpoints to annals_operator;
grant delete on annals.parked to annals_operator;
grant insert on annals.control, annals.projection_audit, annals.rebuilds to annals_operator;
grant update (state, ended_at) on annals.rebuilds to annals_operator;

-- Functions: what is named nowhere here is for the functions of the log alone.
do $$
declare
    finding   constant text[] := array['check_key', 'receipt_of', 'receipt_under_key', 'receipts_under_key'];
    appending constant text[] := array['append', 'append_decisions', 'append_event', 'append_events',
        'append_first_event', 'append_many_claiming', 'append_many_events', 'cancel_key', 'claim_holder', 'close_key',
        'examine_log', 'find_claim', 'prune_snapshots', 'publish_head', 'wake', 'write_snapshot'];
    reading   constant text[] := array['check_cursor', 'claim_holder', 'examine_log', 'fence_namespace', 'find_claim', 'filtered_query', 'head', 'look',
        'one_or_any', 'page_size', 'publish_head', 'read_all', 'read_filtered_page', 'read_log_page', 'read_stream'];
    deleting  constant text[] := array['cancel_key', 'close_key', 'delete_stream', 'release_claim', 'scrub_stream', 'scrubber',
        'tombstone_stream', 'truncate_stream', 'wake'];
    rights    record;
    called    regprocedure;
begin
    for rights in
        select *
        from (values ('annals_appender', finding || appending),
                     ('annals_reader', reading),
                     ('annals_projector', reading),
                     ('annals_operator', finding || reading || deleting)) as r (role, functions)
    loop
        for called in
            select p.oid from pg_proc as p
            where p.pronamespace = 'annals'::regnamespace
              and p.proname <> 'remove_events'
        loop
            execute format('revoke all on function %s from public, %I', called, rights.role);
        end loop;
        for called in
            select p.oid from pg_proc as p
            where p.pronamespace = 'annals'::regnamespace
              and p.proname = any (rights.functions)
        loop
            execute format('grant execute on function %s to %I', called, rights.role);
        end loop;
    end loop;
end
$$;

commit;
