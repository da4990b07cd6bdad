//! Drops what is no longer wanted: databases of dead processes, old kept ones, templates out of use.
//!
//! Runs on a thread of its own, beside the test, once per process; one process at a time, and on a server of ours
//! at most every ten seconds, since a test runner may start a process per test.
//!
//! Guarantees
//! - a test neither waits for it nor fails by it;
//! - of those who share a maintenance database, one drops at a time.
//!
//! Leaves to others: which databases may go (`doomed`).

use std::{
    collections::HashSet,
    fs,
    sync::{LazyLock, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio_postgres::Client;

use crate::{
    connection,
    database_error::DatabaseError,
    doomed::{Candidate, doomed},
    drop_database::drop_database,
    mark::{Mark, mark_used},
    server::Server,
    template, test_name,
};

const PAUSE: Duration = Duration::from_secs(10);
/// Databases dropped by one process: the rest is for the next ones.
const DROPS_MAX: usize = 50;
/// `pg_try_advisory_lock` of the one who sweeps: "annals" in ASCII.
const LOCK: i64 = 0x616e_6e61_6c73;

impl Server {
    /// Drops the test databases of dead processes, those kept for more than a day, and templates out of use.
    ///
    /// Test databases do so beside their test now and then; this is for those who want it done now. Returns the names
    /// of what was dropped.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the server cannot be reached or asked.
    pub async fn sweep(&self) -> Result<Vec<String>, DatabaseError> {
        sweep(self, None).await
    }
}

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

/// Sweeps now; returns the names of the databases that were dropped.
async fn sweep(server: &Server, used: Option<&str>) -> Result<Vec<String>, DatabaseError> {
    let client = connection::maintenance(server).await?;
    let failed = |source| DatabaseError::Statement {
        action: "sweep",
        database: "the test databases".to_owned(),
        source,
    };
    let (now, candidates) = list(&client).await.map_err(failed)?;
    if let Some(used) = used
        && !candidates.iter().any(|candidate| candidate.name == used && candidate.is_marked_fresh(now))
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
