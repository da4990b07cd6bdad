//! A schedule: two writers, one reader, and the gap of the reader at which the late writer commits.

use annals_devdb::TestFailure;
use tokio_postgres::Client;

use super::mutant::Mutant;
use crate::support::TestDb;

/// The first number of the advisory locks that gates are made of; of two numbers, so no lock of the fence.
pub(super) const GATE: i32 = 7001;

/// Where the reader is when the late writer commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    BeforeLastPosition = 1,
    BetweenLastPositionAndMarks = 2,
    BetweenMarksAndRows = 3,
    AfterReading = 4,
}

impl Gap {
    pub(super) const ALL: [Self; 4] = [
        Self::BeforeLastPosition,
        Self::BetweenLastPositionAndMarks,
        Self::BetweenMarksAndRows,
        Self::AfterReading,
    ];
}

/// What the log holds when the writers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    Empty,
    WithEvents,
}

/// One interleaving of two writers and a reader.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub(super) log: Log,
    pub(super) gap: Gap,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Positions that were committed, in order.
    pub(super) committed: Vec<i64>,
    /// Positions that the reader was given, in the order it was given them.
    pub(super) delivered: Vec<i64>,
    /// How far the first read said that everything is settled.
    pub(super) settled_while_open: i64,
    /// What the first read returned.
    pub(super) delivered_while_open: Vec<i64>,
}

impl Schedule {
    /// Runs the schedule on a database of its own.
    pub(super) async fn run(self, mutant: Option<Mutant>) -> Result<Outcome, TestFailure> {
        let db = TestDb::fresh().await?;
        let owner = db.connect().await?;
        put_gates_into_gaps(&owner).await?;
        if let Some(mutant) = mutant {
            mutant.plant(&owner).await?;
        }
        if self.log == Log::WithEvents {
            append(&owner, "account-0").await?;
        }

        // The late writer draws first, the early one commits first.
        let (late, early) = (db.connect().await?, db.connect().await?);
        late.batch_execute("begin").await?;
        append(&late, "account-1").await?;
        append(&early, "account-2").await?;

        let reader = db.connect().await?;
        let first = if self.gap == Gap::AfterReading {
            let page = read(&reader, 0).await?;
            late.batch_execute("commit").await?;
            page
        } else {
            self.commit_while_reader_waits(&owner, &late, &reader).await?
        };
        let second = read(&reader, first.settled_to).await?;

        let rows = owner.query("select position from annals.events order by position", &[]).await?;
        Ok(Outcome {
            committed: rows.iter().map(|row| row.get(0)).collect(),
            delivered: [first.positions.clone(), second.positions].concat(),
            settled_while_open: first.settled_to,
            delivered_while_open: first.positions,
        })
    }

    async fn commit_while_reader_waits(
        self,
        owner: &Client,
        late: &Client,
        reader: &Client,
    ) -> Result<Page, TestFailure> {
        let gate = self.gap as i32;
        owner.execute("select pg_advisory_lock($1, $2)", &[&GATE, &gate]).await?;
        let pass_once = async {
            until_somebody_waits_at(owner, gate).await?;
            late.batch_execute("commit").await?;
            owner.execute("select pg_advisory_unlock($1, $2)", &[&GATE, &gate]).await
        };
        let (page, passed) = tokio::join!(read(reader, 0), pass_once);
        passed?;
        Ok(page?)
    }
}

/// One read, as a subscription does it: rows, and the cursor to go on from.
struct Page {
    positions: Vec<i64>,
    settled_to: i64,
}

async fn read(reader: &Client, after: i64) -> Result<Page, tokio_postgres::Error> {
    let sql = "select head, position from annals.read_log_page($1, 100)";
    let rows = reader.query(sql, &[&after]).await?;
    let settled_to = rows.iter().map(|row| row.get::<_, i64>(0)).max().unwrap_or(after).max(after);
    let positions = rows.iter().filter_map(|row| row.get(1)).collect();
    Ok(Page { positions, settled_to })
}

async fn append(writer: &Client, stream: &str) -> Result<u64, tokio_postgres::Error> {
    let sql = "select * from annals.append($1, -2, '[{\"type\": \"opened\", \"data\": {}}]')";
    writer.execute(sql, &[&stream]).await
}

/// Lets the reader's own functions wait wherever their source says `gap`.
async fn put_gates_into_gaps(owner: &Client) -> Result<(), tokio_postgres::Error> {
    let gate = |gap: Gap| format!("perform pg_advisory_xact_lock_shared({GATE}, {});", gap as i32);
    let gates = [
        ("head", "-- gap: before the last position", Gap::BeforeLastPosition),
        ("head", "-- gap: between the last position and the marks", Gap::BetweenLastPositionAndMarks),
        ("read_log_page", "-- gap: between the marks and the rows", Gap::BetweenMarksAndRows),
    ];
    for (function, mark, gap) in gates {
        replace_in(owner, function, &[(mark, &gate(gap))]).await?;
    }
    Ok(())
}

/// Rewrites a function of the log where it stands; what is replaced must be there.
pub(super) async fn replace_in(
    owner: &Client,
    function: &str,
    replacements: &[(&str, &str)],
) -> Result<(), tokio_postgres::Error> {
    let sql = "select pg_get_functiondef(oid) from pg_proc
               where proname = $1 and pronamespace = 'annals'::regnamespace";
    let mut source: String = owner.query_one(sql, &[&function]).await?.get(0);
    for (old, new) in replacements {
        assert!(source.contains(old), "{function} has no `{old}`");
        source = source.replace(old, new);
    }
    owner.batch_execute(&source).await
}

/// Returns once a session waits at a gate.
async fn until_somebody_waits_at(owner: &Client, gate: i32) -> Result<(), tokio_postgres::Error> {
    let sql = "select exists (
        select from pg_locks
        where locktype = 'advisory' and objsubid = 2 and not granted
          and classid::bigint = $1::integer and objid::bigint = $2::integer
          and database = (select oid from pg_database where datname = current_database()))";
    while !owner.query_one(sql, &[&GATE, &gate]).await?.get::<_, bool>(0) {
        tokio::task::yield_now().await;
    }
    Ok(())
}
