//! Everything in the schema is assigned to roles, or to none, and the database agrees.

use std::collections::BTreeMap;

use annals_devdb::TestResult;

use crate::support::TestDb;

/// Which roles may call which functions. What is new in the schema has to be entered here, so that somebody thinks of it.
#[rustfmt::skip]
const FUNCTIONS: &[(&str, &[&str])] = &[
    // For the functions of the log, which have its owner's rights, and for the owner.
    ("", &[
        "change_claims", "check_append", "check_append_many", "check_deletion", "check_events", "check_stream",
        "check_target", "enter_fence", "fingerprint_of", "fingerprint_of_many", "forget_keys", "give_streams_back",
        "idempotency_key_of", "is_found_sound", "is_plain_append", "json_depth", "json_fault", "json_is_plain",
        "keys_used", "numbers_given", "prepare_append", "receipt_or_refusal", "receipts_of_repetition",
        "refuse_append", "refuse_change", "refuse_known_event_id", "release_claims", "repair_log", "require_unique_event_ids",
        "stream_name_fault", "take_stream", "version_before_repetition",
    ]),
    ("appender", &[
        "append", "append_decisions", "append_event", "append_events", "append_first_event", "append_many_claiming",
        "append_many_events",
        "prune_snapshots", "write_snapshot",
    ]),
    ("appender operator", &[
        "cancel_key", "check_key", "close_key", "receipt_of", "receipt_under_key", "receipts_under_key", "wake",
    ]),
    ("appender operator projector reader", &[
        "claim_holder", "examine_log", "find_claim", "publish_head",
    ]),
    ("operator projector reader", &[
        "check_cursor", "fence_namespace", "filtered_query", "head", "look", "one_or_any", "page_size", "read_all",
        "read_filtered_page", "read_log_page", "read_stream",
    ]),
    ("operator", &[
        "delete_stream", "release_claim", "scrub_stream", "scrubber", "tombstone_stream", "truncate_stream",
    ]),
    ("scrubber", &[
        "remove_events",
    ]),
];

/// What roles may do with the rows of tables, and with which columns only. No other table may be touched by anybody but
/// the owner.
#[rustfmt::skip]
const TABLES: &[(&str, &[&str])] = &[
    ("checkpoints", &["operator: select, update of columns", "projector: delete, insert, select, update"]),
    ("claim_releases", &["operator: select"]),
    ("claims", &[]),
    ("control", &["operator: insert, select", "projector: delete, select, update"]),
    ("deletions", &["operator: select"]),
    ("events", &["appender: select of columns", "operator: select", "projector: select", "reader: select", "scrubber: delete, select"]),
    ("head", &["appender: select", "operator: select", "projector: select", "reader: select"]),
    ("idempotency_keys", &["appender: select", "operator: select"]),
    ("idempotency_parts", &["appender: select", "operator: select"]),
    ("leases", &["operator: select, update of columns", "projector: delete, insert, select, update"]),
    ("lineage", &["appender: select", "operator: select", "projector: select", "reader: select"]),
    ("migrations", &["appender: select", "operator: select", "projector: select", "reader: select"]),
    ("parked", &["operator: delete, select", "projector: delete, insert, select, update"]),
    ("projection_audit", &["operator: insert, select", "projector: insert"]),
    ("projections", &["operator: select, update of columns", "projector: delete, insert, select, update"]),
    ("rebuilds", &["operator: insert, select, update of columns", "projector: insert, select, update"]),
    ("runners", &["operator: select", "projector: delete, insert, select, update"]),
    ("scrubbed", &["appender: select", "operator: select", "projector: select", "reader: select", "scrubber: insert"]),
    ("snapshots", &["operator: select", "projector: select", "reader: select"]),
    ("streams", &["appender: select of columns", "operator: select", "projector: select", "reader: select", "scrubber: select of columns"]),
];

/// Roles whose sequences are read only, as opening a log does.
const SEQUENCES: &[(&str, &[&str])] = &[
    ("claim_releases_release_id_seq", &[]),
    ("control_control_id_seq", &[]),
    ("deletions_deletion_id_seq", &[]),
    ("events_position_seq", &["appender: select", "operator: select", "projector: select", "reader: select"]),
    ("projection_audit_audit_id_seq", &[]),
    ("rebuilds_rebuild_id_seq", &[]),
    ("streams_stream_id_seq", &[]),
];

/// The roles that somebody is granted, and the one that owns a function; the owner may do everything.
const FOUND: &str = "
    with roles as (
        select r.role, coalesce(to_regrole('annals_' || r.role)::oid, 0) as grantee
        from unnest(array['appender', 'operator', 'projector', 'public', 'reader', 'scrubber']) as r (role)
    ), functions as (
        select 'function' as kind, p.proname::text as name, r.role as may
        from pg_proc as p cross join roles as r
        where p.pronamespace = 'annals'::regnamespace
          and (select bool_or(a.grantee = r.grantee)
               from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a)
    ), relations as (
        select case c.relkind when 'S' then 'sequence' else 'table' end as kind, c.relname::text as name,
            r.role || ': ' || string_agg(distinct g.may, ', ') as may
        from pg_class as c cross join roles as r
        cross join lateral (
            select lower(a.privilege_type) as may
            from aclexplode(coalesce(c.relacl, acldefault((case c.relkind when 'S' then 's' else 'r' end)::\"char\", c.relowner))) as a
            where a.grantee = r.grantee
            union all
            select distinct lower(a.privilege_type) || ' of columns'
            from pg_attribute as t cross join aclexplode(t.attacl) as a
            where t.attrelid = c.oid and a.grantee = r.grantee) as g
        where c.relnamespace = 'annals'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        group by 1, 2, r.role
    ), everything as (
        select 'function' as kind, p.proname::text as name from pg_proc as p where p.pronamespace = 'annals'::regnamespace
        union
        select case c.relkind when 'S' then 'sequence' else 'table' end, c.relname::text
        from pg_class as c
        where c.relnamespace = 'annals'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    )
    select e.kind, e.name, coalesce(array_agg(distinct m.may order by m.may) filter (where m.may is not null), '{}')
    from everything as e
    left join (select * from functions union all select * from relations) as m on m.kind = e.kind and m.name = e.name
    group by 1, 2";

/// Who may do what with each thing of the schema.
type Rights = BTreeMap<(String, String), Vec<String>>;

fn assigned() -> Rights {
    let owned = |kind: &str, name: &str, may: Vec<String>| ((kind.to_owned(), name.to_owned()), may);
    let functions = FUNCTIONS.iter().flat_map(|(roles, names)| {
        let may = move || roles.split_whitespace().map(str::to_owned).collect();
        names.iter().map(move |name| owned("function", name, may()))
    });
    let relations = [("table", TABLES), ("sequence", SEQUENCES)].into_iter().flat_map(|(kind, all)| {
        all.iter()
            .map(move |(name, may)| owned(kind, name, may.iter().map(|may| (*may).to_owned()).collect()))
    });
    functions.chain(relations).collect()
}

async fn found(client: &tokio_postgres::Client) -> Result<Rights, tokio_postgres::Error> {
    let rows = client.query(FOUND, &[]).await?;
    Ok(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect())
}

#[tokio::test]
async fn every_function_and_table_of_the_schema_is_assigned_to_roles_or_to_none() -> TestResult {
    let db = TestDb::fresh().await?;

    let (assigned, found) = (assigned(), found(&db.connect().await?).await?);

    println!("roles: {} things of the schema are assigned", found.len());
    assert!(found.len() > 70, "the schema was not looked at: {found:?}");
    for (thing, may) in &found {
        assert_eq!(
            assigned.get(thing),
            Some(may),
            "{thing:?}: on the left as it is assigned, on the right as it is"
        );
    }
    for thing in assigned.keys() {
        assert!(found.contains_key(thing), "{thing:?} is assigned and not there");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_new_in_the_schema_or_granted_by_hand_does_not_go_unnoticed() -> TestResult {
    let db = TestDb::fresh().await?;
    let owner = db.connect().await?;
    let before = found(&owner).await?;

    for change in [
        "create function annals.surprise() returns integer language sql as 'select 1'",
        "create table annals.surprise (secret text)",
        "create view annals.surprise as select * from annals.events",
        "create sequence annals.surprise",
        "drop function annals.wake()",
        "grant execute on function annals.enter_fence() to annals_reader",
        "grant execute on function annals.enter_fence() to public",
        "revoke execute on function annals.append_event from annals_appender",
        "grant select on annals.claims to annals_reader",
        "grant select (value) on annals.claims to annals_reader",
        "grant update on annals.events_position_seq to annals_appender",
    ] {
        owner.batch_execute(&format!("begin; {change}")).await?;
        assert_ne!(found(&owner).await?, before, "{change}");
        owner.batch_execute("rollback").await?;
    }
    assert_eq!(found(&owner).await?, before);
    Ok(())
}
