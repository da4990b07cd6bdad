//! Drops what is no longer wanted: databases of dead processes, old kept ones, templates out of use.
//!
//! Runs on a thread of its own, beside the test, once per process; one process at a time, and on a server of ours
//! at most every ten seconds, since a test runner may start a process per test.
//!
//! Guarantees
//! - a database whose process lives is never dropped; on the server of a `DATABASE_URL`, none of another
//!   machine, container or boot either;
//! - a kept database stays for a day, unless twenty newer ones are kept;
//! - a template stays for a day after its last use.

use std::{
    collections::HashSet,
    fs,
    sync::{LazyLock, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio_postgres::Client;

use crate::{
    connection::{self, identifier},
    error::DatabaseError,
    mark::Mark,
    server::Server,
    template, test_name,
    test_name::{Life, Maker},
};

const DAY_SECONDS: i64 = 24 * 60 * 60;
/// A template's mark is written anew at most this often: it is a write to a shared catalog.
const MARK_AGE_SECONDS: i64 = 60 * 60;
const PAUSE: Duration = Duration::from_secs(10);
const KEPT_MAX: usize = 20;
/// Databases dropped by one process: the rest is for the next ones.
const DROPS_MAX: usize = 50;
/// `pg_try_advisory_lock` of the one who sweeps: "annals" in ASCII.
const LOCK: i64 = 0x616e_6e61_6c73;

/// Sweeps on a thread, the first time that this process asks for it on this server.
pub(crate) fn begin(server: &Server, used: Option<String>) {
    static BEGUN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let key = format!("{}{used:?}", server.url(""));
    if !BEGUN.lock().unwrap_or_else(PoisonError::into_inner).insert(key) || was_just_swept(server) {
        return;
    }
    let server = server.clone();
    // Nobody waits for it, and nobody misses it: the next process sweeps again.
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map(|runtime| runtime.block_on(sweep(&server, used.as_deref())))
    });
}

/// Writes on a template that it is used now.
pub(crate) async fn mark_used(client: &Client, template: &str) -> Result<(), tokio_postgres::Error> {
    let now: i64 = client.query_one("select extract(epoch from now())::bigint", &[]).await?.get(0);
    client.batch_execute(&Mark::Used { at: now }.statement(template)).await
}

/// A database that may be swept.
struct Candidate {
    name: String,
    mark: Option<Mark>,
    connections: i64,
}

/// Sweeps now; returns the names of the databases that were dropped.
///
/// # Errors
///
/// [`DatabaseError`] when the server cannot be reached or asked.
pub(crate) async fn sweep(server: &Server, used: Option<&str>) -> Result<Vec<String>, DatabaseError> {
    let client = connection::maintenance(server).await?;
    let failed = |source| DatabaseError::Statement {
        action: "sweep",
        database: "the test databases".to_owned(),
        source,
    };
    let (now, candidates) = list(&client).await.map_err(failed)?;
    if let Some(used) = used
        && !candidates.iter().any(|candidate| candidate.name == used && is_fresh(candidate, now))
    {
        mark_used(&client, used).await.map_err(failed)?;
    }
    let doomed = doomed(&candidates, now, server.is_ours(), used);
    let lock = format!("select pg_try_advisory_lock({LOCK})");
    if doomed.is_empty() || !client.query_one(&lock, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let mut dropped = Vec::new();
    for name in doomed.into_iter().take(DROPS_MAX) {
        if drop_database(&client, &name).await.is_ok() {
            dropped.push(name);
        }
    }
    Ok(dropped)
}

/// Looks at the time of a file, and sets it when it is old.
fn was_just_swept(server: &Server) -> bool {
    let Some(file) = server.swept_file() else { return false };
    let age =
        fs::metadata(&file).and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
    if age.is_some_and(|age| age < PAUSE) {
        return true;
    }
    // Two that write at once both sweep, which does no harm.
    let _ = fs::write(file, "");
    false
}

async fn list(client: &Client) -> Result<(i64, Vec<Candidate>), tokio_postgres::Error> {
    let rows = client
        .query(
            "select extract(epoch from now())::bigint, d.datname::text, shobj_description(d.oid, 'pg_database'),
                    (select count(*) from pg_stat_activity a where a.datid = d.oid)
             from pg_database d
             where starts_with(d.datname::text, $1) or starts_with(d.datname::text, $2)",
            &[&template::PREFIX, &test_name::PREFIX],
        )
        .await?;
    let now = rows.first().map_or(0, |row| row.get(0));
    let candidates = rows.iter().map(|row| Candidate {
        name: row.get(1),
        mark: row.get::<_, Option<&str>>(2).and_then(Mark::read),
        connections: row.get(3),
    });
    Ok((now, candidates.collect()))
}

/// Picks the databases to drop.
fn doomed(candidates: &[Candidate], now: i64, is_ours: bool, used: Option<&str>) -> Vec<String> {
    let mut kept: Vec<(i64, &str)> = Vec::new();
    let mut doomed = Vec::new();
    for candidate in candidates {
        let is_doomed = match (&candidate.mark, Maker::of(&candidate.name)) {
            (Some(Mark::Kept { at, .. }), _) => {
                kept.push((*at, &candidate.name));
                now - at > DAY_SECONDS
            }
            (Some(Mark::Used { at }), None) => {
                now - at > DAY_SECONDS && used != Some(candidate.name.as_str())
            }
            (_, Some(maker)) => match maker.life() {
                Life::Dead => true,
                // Our socket is reached only from the machine that the server runs on.
                Life::OtherBoot => is_ours && candidate.connections == 0,
                Life::Alive | Life::Elsewhere => false,
            },
            (None, None) => false,
        };
        if is_doomed {
            doomed.push(candidate.name.clone());
        }
    }
    kept.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    let surplus = kept.into_iter().skip(KEPT_MAX).map(|(_, name)| name.to_owned());
    doomed.extend(surplus.collect::<Vec<_>>());
    doomed.sort_unstable();
    doomed.dedup();
    doomed
}

fn is_fresh(candidate: &Candidate, now: i64) -> bool {
    matches!(candidate.mark, Some(Mark::Used { at }) if now - at < MARK_AGE_SECONDS)
}

async fn drop_database(client: &Client, name: &str) -> Result<(), tokio_postgres::Error> {
    if name.starts_with(template::PREFIX) {
        client.batch_execute(&format!("alter database {} with is_template false", identifier(name))).await?;
    }
    client.batch_execute(&format!("drop database if exists {} with (force)", identifier(name))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, mark: Option<Mark>) -> Candidate {
        Candidate { name: name.to_owned(), mark, connections: 0 }
    }

    fn kept(at: i64) -> Mark {
        Mark::Kept { at, test: String::new() }
    }

    /// A name of this boot and namespace whose process cannot be.
    fn of_the_dead(number: u32) -> String {
        let own = test_name::fresh();
        let parts: Vec<&str> = own.split('_').collect();
        format!("annals_test_{}_{}_2147483000_1_{number}", parts[2], parts[3])
    }

    #[test]
    fn the_dead_are_swept_and_the_living_are_not() {
        let (dead, alive) = (of_the_dead(1), test_name::fresh());
        let candidates = [candidate(&dead, None), candidate(&alive, None)];
        assert_eq!(doomed(&candidates, 0, false, None), [dead]);
    }

    #[test]
    fn another_machine_s_databases_are_left_alone_on_a_server_that_is_not_ours() {
        let foreign = "annals_test_zzzzzzzz_zzzz_1_1_1";
        assert!(doomed(&[candidate(foreign, None)], 0, false, None).is_empty());
        assert_eq!(doomed(&[candidate(foreign, None)], 0, true, None), [foreign]);
    }

    #[test]
    fn kept_ones_stay_for_a_day_and_twenty_of_them_at_most() {
        let now = 10 * DAY_SECONDS;
        let mut candidates: Vec<Candidate> =
            (0..22).map(|n| candidate(&of_the_dead(n), Some(kept(now - i64::from(n))))).collect();
        candidates.push(candidate(&of_the_dead(99), Some(kept(now - DAY_SECONDS - 1))));
        let doomed = doomed(&candidates, now, true, None);
        assert_eq!(doomed.len(), 3);
        for number in [20, 21, 99] {
            assert!(doomed.contains(&of_the_dead(number)), "{doomed:?}");
        }
    }

    #[test]
    fn a_template_goes_a_day_after_its_last_use_unless_it_is_in_use_now() {
        let now = 10 * DAY_SECONDS;
        let old = candidate("annals_template_a_1", Some(Mark::Used { at: now - DAY_SECONDS - 1 }));
        let recent = candidate("annals_template_b_1", Some(Mark::Used { at: now - 60 }));
        let unmarked = candidate("annals_template_c_1", None);
        let all = [old, recent, unmarked];
        assert_eq!(doomed(&all, now, true, None), ["annals_template_a_1"]);
        assert!(doomed(&all, now, true, Some("annals_template_a_1")).is_empty());
    }
}
