//! What stands in the tables, compared with a pure fold of the log, which is read past the library.

use std::collections::{BTreeMap, HashMap, HashSet};

use annals_devdb::TestFailure;
use annals_eventstore::Partition;

use super::ground::Ground;
use super::hosted::{SLOTS, fold};

/// What was found, in numbers that all have to be nought, and some that tell how much there was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// Events of which nothing was written.
    pub(super) missing: usize,
    /// Rows beyond the first of an event.
    pub(super) doubled: usize,
    /// Rows of no event, or of one that was discarded or skipped.
    pub(super) invented: usize,
    /// Rows before which a later version of the stream stands.
    pub(super) out_of_order: usize,
    /// Streams whose digest is not that of the log.
    pub(super) wrong_digests: usize,
    /// Rows in a slot that is not their stream's, or under an epoch that an earlier row is above.
    pub(super) wrong_owners: usize,
    /// Events that were discarded or skipped more than once, or without a request.
    pub(super) wrongly_passed: usize,
}

#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) faults: Faults,
    pub(super) events: usize,
    pub(super) discarded: usize,
    pub(super) skipped: usize,
    /// Owners of slots that have written.
    pub(super) owners: usize,
    pub(super) batches: i64,
}

struct Event {
    position: i64,
    stream: String,
    number: i64,
}

pub(super) async fn judge(ground: &Ground) -> Result<Verdict, TestFailure> {
    let log = log(ground).await?;
    let (discarded, skipped) = (passed(ground, "discard").await?, passed(ground, "skip").await?);
    let mut faults =
        Faults { wrongly_passed: asked_for(ground, discarded.len()).await?, ..Faults::default() };
    let passed: HashSet<i64> = discarded.iter().chain(&skipped).copied().collect();
    faults.wrongly_passed += discarded.len() + skipped.len() - passed.len();
    let expected: Vec<&Event> = log.iter().filter(|event| !passed.contains(&event.position)).collect();

    let owners = rows(ground, &expected, &mut faults).await?;
    let mut digests: HashMap<&str, i64> = HashMap::new();
    for event in &expected {
        let digest = fold(digests.get(event.stream.as_str()).copied(), event.number);
        digests.insert(&event.stream, digest);
    }
    let chain = ground.query("select stream, digest from chain", &[]).await?;
    let chain: HashMap<String, i64> = chain.iter().map(|row| (row.get(0), row.get(1))).collect();
    let is_wrong = |(stream, digest): &(&&str, &i64)| chain.get(**stream) != Some(*digest);
    faults.wrong_digests = digests.iter().filter(is_wrong).count() + chain.len().abs_diff(digests.len());
    let batches = "select count(distinct xmin::text) from audit";
    let batches = ground.number(batches, &[]).await?;
    let (discarded, skipped) = (discarded.len(), skipped.len());
    Ok(Verdict { faults, events: log.len(), discarded, skipped, owners, batches })
}

async fn log(ground: &Ground) -> Result<Vec<Event>, TestFailure> {
    let log = "select e.position, s.stream_name, e.data::text::bigint from annals.events as e
               join annals.streams as s using (stream_id) order by e.position";
    let rows = ground.query(log, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| Event { position: row.get(0), stream: row.get(1), number: row.get(2) })
        .collect())
}

/// Returns the positions that operators had passed over.
async fn passed(ground: &Ground, verb: &str) -> Result<Vec<i64>, TestFailure> {
    let noted = "select subject from annals.projection_audit where verb = $1";
    let rows = ground.query(noted, &[&verb]).await?;
    rows.iter().map(|row| Ok(row.get::<_, &str>(0).parse()?)).collect()
}

/// Compares how much was discarded with how much was asked for and answered.
async fn asked_for(ground: &Ground, discarded: usize) -> Result<usize, TestFailure> {
    let asked = "select count(*) from annals.control
                 where verb = 'discard' and outcome is not null and outcome not like '%nothing was discarded'";
    Ok(usize::try_from(ground.number(asked, &[]).await?)?.abs_diff(discarded))
}

/// Goes through the audit row by row; returns how many owners wrote it.
async fn rows(ground: &Ground, expected: &[&Event], faults: &mut Faults) -> Result<usize, TestFailure> {
    let audit = "select position, stream, version, partition, epoch from audit order by nth";
    let mut left: HashMap<i64, bool> = expected.iter().map(|event| (event.position, false)).collect();
    let (mut versions, mut epochs) = (HashMap::<String, i64>::new(), BTreeMap::<i32, i64>::new());
    let mut owners = HashSet::new();
    for row in ground.query(audit, &[]).await? {
        let (position, stream, version): (i64, String, i64) = (row.get(0), row.get(1), row.get(2));
        let (partition, epoch): (i32, i64) = (row.get(3), row.get(4));
        match left.get_mut(&position) {
            Some(is_there) => faults.doubled += usize::from(std::mem::replace(is_there, true)),
            None => faults.invented += 1,
        }
        let is_of_slot = Partition::of_key(&stream, SLOTS).0 == u16::try_from(partition)?;
        let before = epochs.insert(partition, epoch);
        faults.wrong_owners += usize::from(!is_of_slot || before.is_some_and(|before| before > epoch));
        let before = versions.insert(stream, version);
        faults.out_of_order += usize::from(before.is_some_and(|before| before >= version));
        owners.insert((partition, epoch));
    }
    faults.missing = left.values().filter(|is_there| !**is_there).count();
    Ok(owners.len())
}
