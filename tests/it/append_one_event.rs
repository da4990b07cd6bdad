//! The append of one event is a shorter way to the same end.

use annals_devdb::TestResult;
use tokio_postgres::Client;

use crate::support::TestDb;

/// What a session can put in front of the system's own: each says that it was called.
const TRAP: &str = "
create schema trap;
create function trap.sprung() returns void language plpgsql as $$ begin raise exception 'the trap was sprung'; end $$;
create function trap.equal(text, text) returns boolean language sql as $$ select trap.sprung() is null $$;
create function trap.equal(bigint, bigint) returns boolean language sql as $$ select trap.sprung() is null $$;
create function trap.equal(bigint, integer) returns boolean language sql as $$ select trap.sprung() is null $$;
create function trap.number(bigint, integer) returns bigint language sql as $$ select trap.sprung(); select 1::bigint $$;
create function trap.number(bigint, bigint) returns bigint language sql as $$ select trap.sprung(); select 1::bigint $$;
create operator trap.= (leftarg = text, rightarg = text, function = trap.equal);
create operator trap.<> (leftarg = text, rightarg = text, function = trap.equal);
create operator trap.= (leftarg = bigint, rightarg = bigint, function = trap.equal);
create operator trap.= (leftarg = bigint, rightarg = integer, function = trap.equal);
create operator trap.<= (leftarg = bigint, rightarg = bigint, function = trap.equal);
create operator trap.+ (leftarg = bigint, rightarg = integer, function = trap.number);
create operator trap.% (leftarg = bigint, rightarg = integer, function = trap.number);
create operator trap.<< (leftarg = bigint, rightarg = integer, function = trap.number);
create operator trap.| (leftarg = bigint, rightarg = bigint, function = trap.number);
create function trap.nextval(regclass) returns bigint language sql as $$ select trap.sprung(); select 1::bigint $$;
create function trap.pg_sequence_last_value(regclass) returns bigint language sql
    as $$ select trap.sprung(); select 1::bigint $$;
create function trap.pg_advisory_xact_lock_shared(bigint) returns void language sql as $$ select trap.sprung() $$;
create function trap.pg_current_xact_id_if_assigned() returns xid8 language sql
    as $$ select trap.sprung(); select null::xid8 $$;
create function trap.current_setting(text) returns text language sql as $$ select trap.sprung(); select 'on' $$;
create function trap.split_part(text, text, integer) returns text language sql
    as $$ select trap.sprung(); select 'trap' $$;
set search_path = trap, pg_catalog;
";

const FIRST: &str =
    "select annals.append_first_event($1::text, pg_catalog.gen_random_uuid(), 'opened', 1, '{}', null)";
const NEXT: &str =
    "select annals.append_event($1::text, -2, pg_catalog.gen_random_uuid(), 'deposited', 1, '{}', null)";

#[tokio::test]
async fn a_session_cannot_slip_operators_and_functions_of_its_own_into_an_append() -> TestResult {
    let db = TestDb::fresh().await?;
    let session = db.connect().await?;
    session.batch_execute(TRAP).await?;
    let is_armed = session.query("select 1::bigint + 1", &[]).await;
    assert!(is_armed.is_err(), "the trap is no trap");

    let first: Vec<i64> = session.query_one(FIRST, &[&"account-7"]).await?.get(0);
    let next: Vec<i64> = session.query_one(NEXT, &[&"account-7"]).await?.get(0);
    // Not the first append of its transaction, and a stream that is new: both go the longer way.
    let longer =
        format!("begin; {}; commit", [FIRST, NEXT].map(|call| call.replace("$1", "'account-8'")).join(";"));
    session.batch_execute(&longer).await?;

    assert_eq!((first[0], next[0]), (1, 2));
    assert!(next[1] > first[1]);
    Ok(())
}

#[tokio::test]
async fn a_transaction_of_many_appends_leaves_two_marks_at_most() -> TestResult {
    let db = TestDb::fresh().await?;
    let session = db.connect().await?;
    session.batch_execute("begin").await?;

    for number in 0..100 {
        let stream = format!("account-{}", number % 7);
        let call = if number < 7 { FIRST } else { NEXT };
        session.query_one(call, &[&stream]).await?;
    }

    let marks = marks_of(&session).await?;
    println!("marks of a transaction of 100 appends: {marks}");
    assert!((1..=2).contains(&marks), "{marks} marks");
    Ok(())
}

async fn marks_of(session: &Client) -> Result<i64, tokio_postgres::Error> {
    let sql = "select count(*) from pg_locks
               where locktype = 'advisory' and pid = pg_backend_pid() and mode = 'ShareLock'";
    Ok(session.query_one(sql, &[]).await?.get(0))
}
