//! Waiting for sessions that wait.

use annals_devdb::TestResult;
use tokio_postgres::Client;

/// Returns once exactly so many sessions wait for a lock in the observer's database.
pub(crate) async fn until_waiting(observer: &Client, sessions: i64) -> TestResult {
    let sql = "select count(*) from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'";
    while observer.query_one(sql, &[]).await?.get::<_, i64>(0) != sessions {
        tokio::task::yield_now().await;
    }
    Ok(())
}
