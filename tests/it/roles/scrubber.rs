//! The role that may remove events, and how nobody else comes to its rights.

use annals_devdb::{TestDatabase, TestFailure, TestResult};
use annals_eventstore::postgres::{
    ConnectOptions, RolePrefix, SchemaName, apply_roles, connect, migrate, roles_script,
};
use annals_eventstore::{
    Append, Deletion, EventStore, GlobalPosition, LogQuery, NewEvent, PostgresStore, Scrub, ScrubError,
    StreamRetention,
};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::{PASSWORD, url_as};
use crate::support::TestDb;

async fn client(options: &ConnectOptions) -> Result<Client, TestFailure> {
    Ok(connect(options).await?.into_client())
}

async fn state_of(client: &Client, sql: &str) -> String {
    let refused = client.batch_execute(sql).await.err();
    refused.and_then(|error| error.code().map(SqlState::code).map(str::to_owned)).unwrap_or_default()
}

async fn events_in(client: &Client) -> Result<i64, TestFailure> {
    Ok(client.query_one("select count(*) from annals.events", &[]).await?.get(0))
}

/// A stream of three events that is deleted, and one that is not.
async fn deleted(store: &PostgresStore) -> TestResult {
    for name in ["gone-1", "kept-1"] {
        let events = [NewEvent::new("noted", &1)?, NewEvent::new("noted", &2)?, NewEvent::new("noted", &3)?];
        store.append(Append::to(name.parse()?, events)).await?;
    }
    store.delete_stream(Deletion::of("gone-1".parse()?)).await?;
    Ok(())
}

#[tokio::test]
async fn without_roles_nothing_is_scrubbed() -> TestResult {
    let database = TestDatabase::empty().await?;
    let options: ConnectOptions = database.url().parse()?;
    migrate(&options, &SchemaName::default()).await?;
    let store = PostgresStore::connect(database.url()).await?;
    deleted(&store).await?;
    let owner = client(&options).await?;

    let refused = store.scrub_stream(Scrub::of("gone-1".parse()?)).await;
    let by_hand = state_of(&owner, "select annals.remove_events(1, 99, 99)").await;

    assert!(matches!(refused, Err(ScrubError::NoScrubber)), "{refused:?}");
    assert!(refused.is_err_and(|error| error.to_string().contains("run `annals db roles --apply`")));
    assert_eq!(by_hand, "LG007", "the owner of the log is not let through, by the function either");
    assert_eq!(events_in(&owner).await?, 6);

    let schema = SchemaName::default();
    apply_roles(&options, &schema, &RolePrefix::from(&schema)).await?;
    let scrubbed = store.scrub_stream(Scrub::of("gone-1".parse()?)).await?;
    assert_eq!((scrubbed.events_removed, events_in(&owner).await?), (3, 3));
    Ok(())
}

#[tokio::test]
async fn events_are_removed_by_no_other_way_whatever_role_or_setting() -> TestResult {
    let db = TestDb::fresh().await?;
    deleted(&db.store()).await?;
    let admin = db.connect().await?;

    let mut refused = 0;
    for replication in ["origin", "replica", "local"] {
        for role in ["session_user", "annals_owner"] {
            let become_it =
                format!("set session_replication_role = {replication}; set session authorization default;");
            let become_it = match role {
                "session_user" => become_it,
                role => format!("{become_it} set role {role};"),
            };
            for change in [
                "delete from annals.events where version = 1",
                "delete from annals.events",
                "update annals.events set data = '1'",
                "truncate annals.events",
                "truncate annals.events, annals.streams cascade",
                "set annals.scrubbing = 'on'; delete from annals.events",
            ] {
                let state = state_of(&admin, &format!("{become_it} {change}")).await;
                assert_eq!(state, "LG007", "{change} as {role}, replication {replication}");
                admin.batch_execute("reset role").await?;
                refused += 1;
            }
        }
    }
    // The role itself may delete, since its function does; it may not update or truncate, nor what is shown go by
    // its function.
    for change in ["update annals.events set data = '1'", "truncate annals.events"] {
        let state = state_of(&admin, &format!("set role annals_scrubber; {change}")).await;
        assert_eq!(state, "42501", "{change}");
        admin.batch_execute("reset role").await?;
    }
    let shown =
        "select annals.remove_events(stream_id, 99, 99) from annals.streams where stream_name = 'kept-1'";
    assert_eq!(admin.query_one(shown, &[]).await?.get::<_, i64>(0), 0, "what its stream shows");
    println!("immutable: {refused} changes refused");
    assert_eq!((refused, events_in(&admin).await?), (36, 6));

    // Whoever could log in as the role would have its rights: then it has none.
    admin.batch_execute("begin; alter role annals_scrubber login").await?;
    let state = state_of(&admin, "select * from annals.scrub_stream('gone-1')").await;
    admin.batch_execute("rollback").await?;
    assert_eq!(state, "LG013");
    Ok(())
}

#[tokio::test]
async fn an_owner_that_may_create_roles_needs_no_superuser() -> TestResult {
    let database = TestDatabase::empty().await?;
    let admin = client(&database.url().parse()?).await?;
    let (name, deployer) = (database.name(), format!("{}_deployer", database.name()));
    admin
        .batch_execute(&format!(
            "create role {deployer} login createrole password '{PASSWORD}'; grant create on database {name} to {deployer}"
        ))
        .await?;
    let options = ConnectOptions::parse(&url_as(database.url(), &deployer))?;
    let schema = SchemaName::new("shop_log")?;
    let prefix = RolePrefix::new(name)?;
    migrate(&options, &schema).await?;

    for _ in 0..2 {
        apply_roles(&options, &schema, &prefix).await?;
    }
    // What comes later belongs to the owner as well, whoever migrates.
    let again = migrate(&options, &schema).await?;
    assert_eq!(again.applied.len(), 0);

    let owned_by_others = "select count(*) from pg_class where relnamespace = 'shop_log'::regnamespace
                           and relkind in ('r', 'S') and relowner <> $1::text::regrole";
    let others: i64 = admin.query_one(owned_by_others, &[&prefix.role("owner")]).await?.get(0);
    let is_scrubber: bool = admin
        .query_one("select pg_has_role($1::text, $2::text, 'set')", &[&deployer, &prefix.role("scrubber")])
        .await
        .or(admin
            .query_one(
                "select pg_has_role($1::text, $2::text, 'member')",
                &[&deployer, &prefix.role("scrubber")],
            )
            .await)?
        .get(0);
    let scrub = "select annals.append('gone-1', 0, '[{\"type\": \"noted\", \"data\": 1}]');
                 select annals.delete_stream('gone-1'); select annals.scrub_stream('gone-1', 'a test')";
    client(&options).await?.batch_execute(&scrub.replace("annals", "shop_log")).await?;
    let left: i64 = admin.query_one("select count(*) from shop_log.events", &[]).await?.get(0);

    assert_eq!((others, is_scrubber, left), (0, false, 0));
    admin.batch_execute("drop schema shop_log cascade").await?;
    for role in ["owner", "appender", "reader", "projector", "operator", "scrubber"] {
        admin.batch_execute(&format!("drop owned by {0}; drop role {0}", prefix.role(role))).await?;
    }
    admin.batch_execute(&format!("drop owned by {deployer}; drop role {deployer}")).await?;
    Ok(())
}

#[tokio::test]
async fn the_printed_script_makes_the_roles_of_any_schema() -> TestResult {
    let database = TestDatabase::empty().await?;
    let options: ConnectOptions = database.url().parse()?;
    // A key word of SQL, so that it works only where it is quoted.
    let schema = SchemaName::new("order")?;
    migrate(&options, &schema).await?;

    let admin = client(&options).await?;
    admin.batch_execute(&roles_script(&schema, &RolePrefix::new("annals")?)).await?;

    let config = annals_eventstore::postgres::StoreConfig::new(options);
    let config = annals_eventstore::postgres::StoreConfig { schema, ..config };
    let store = PostgresStore::open(config).await?;
    deleted(&store).await?;
    store.scrub_stream(Scrub::of("gone-1".parse()?)).await?;
    let log = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    assert_eq!(log.events.len(), 3);
    Ok(())
}
