//! Whoever reads while a read model is built anew.

use std::time::Duration;

use annals_devdb::TestFailure;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

/// Reads by a prepared statement again and again, and notes when there is less than there was.
pub(crate) struct Reader {
    done: CancellationToken,
    task: JoinHandle<Result<Read, TestFailure>>,
}

/// What a reader has seen.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) reads: u64,
    pub(crate) fewer: Vec<(i64, i64)>,
    pub(crate) weights: Vec<i64>,
}

impl Reader {
    /// Begins to read how many events are counted, and for how much.
    pub(crate) fn begin(client: Client) -> Self {
        let sql =
            "select coalesce(sum(events), 0)::bigint, coalesce(sum(weight), 0)::bigint from reading.totals";
        Self::of(client, sql, Duration::from_millis(1))
    }

    /// Begins to read two numbers by a query, the first of which may not fall, with pauses.
    pub(crate) fn of(client: Client, sql: &'static str, pause: Duration) -> Self {
        let done = CancellationToken::new();
        let told = done.clone();
        let task = tokio::spawn(async move {
            let statement = client.prepare(sql).await?;
            let (mut read, mut most) = (Read::default(), 0);
            while !told.is_cancelled() {
                let row = client.query_one(&statement, &[]).await?;
                let (events, weight): (i64, i64) = (row.get(0), row.get(1));
                if events < most {
                    read.fewer.push((most, events));
                }
                most = most.max(events);
                if read.weights.last() != Some(&weight) {
                    read.weights.push(weight);
                }
                read.reads += 1;
                tokio::time::sleep(pause).await;
            }
            Ok(read)
        });
        Self { done, task }
    }

    pub(crate) async fn end(self) -> Result<Read, TestFailure> {
        self.done.cancel();
        self.task.await?
    }
}
