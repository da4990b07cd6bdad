//! How long the slots of a runner that has gone were without an owner: until another has committed a batch in each.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use annals_devdb::{TestFailure, TestResult};

use super::ground::Ground;

/// How a runner has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gone {
    Left,
    Killed,
}

/// A runner that has gone, and what it had then: slots, and under which epochs.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) gone: Gone,
    at: i64,
    held: Vec<(i32, i64)>,
}

/// Returns the time in milliseconds since 1970, by the clock that the server goes by as well.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    i64::try_from(now.as_millis()).expect("it is not that late")
}

impl Loss {
    /// Notes what a process has, right before it goes.
    pub(super) async fn of(ground: &Ground, process: u32, gone: Gone) -> Result<Self, TestFailure> {
        let held = "select l.partition, l.epoch from annals.leases as l
                    where l.lease_until > clock_timestamp()
                      and l.owner in (select r.runner_id from annals.runners as r where r.name = $1)";
        let held = ground.query(held, &[&process.to_string()]).await?;
        Ok(Self { gone, at: now(), held: held.iter().map(|row| (row.get(0), row.get(1))).collect() })
    }

    /// Waits until others have what it had; a slot that cannot go on is nobody's.
    pub(super) async fn is_made_good(&self, ground: &Ground) -> TestResult {
        let left = "select count(*) from annals.leases as l
                    join unnest($1::integer[], $2::bigint[]) as h (partition, epoch) on h.partition = l.partition
                    where l.stopped is null and (l.epoch <= h.epoch or l.owner is null)";
        let (slots, epochs): (Vec<i32>, Vec<i64>) = self.held.iter().copied().unzip();
        ground.until("slots are nobody's", left, &[&slots, &epochs], |left| left == 0).await
    }
}

/// Times by how a runner has gone: all of them, and those in which nothing else happened meanwhile.
pub(super) type Times = BTreeMap<Gone, Vec<(Duration, bool)>>;

/// Measures how long each slot was without a batch of somebody else, by the commit times of the server.
pub(super) async fn times(
    ground: &Ground,
    losses: &[Loss],
    disturbances: &[i64],
) -> Result<Times, TestFailure> {
    let firsts = "select partition, epoch,
                      (extract(epoch from min(pg_xact_commit_timestamp(xmin))) * 1000)::bigint
                  from audit group by partition, epoch order by partition, epoch";
    let rows = ground.query(firsts, &[]).await?;
    let mut firsts: BTreeMap<i32, Vec<(i64, i64)>> = BTreeMap::new();
    for row in &rows {
        if let Some(at) = row.get::<_, Option<i64>>(2) {
            firsts.entry(row.get(0)).or_default().push((row.get(1), at));
        }
    }
    let mut times = Times::new();
    for loss in losses {
        for (slot, epoch) in &loss.held {
            let of_slot = firsts.get(slot).map(Vec::as_slice).unwrap_or_default();
            let next = of_slot.iter().find(|(of, at)| of > epoch && *at >= loss.at);
            let Some((_, next)) = next else { continue };
            let is_disturbed = disturbances.iter().any(|at| (loss.at + 1..*next).contains(at));
            let took = Duration::from_millis(u64::try_from(next - loss.at)?);
            times.entry(loss.gone).or_default().push((took, is_disturbed));
        }
    }
    Ok(times)
}

/// Tells and returns the longest undisturbed time of one kind.
pub(super) fn report(times: &Times, gone: Gone) -> Option<Duration> {
    let all = times.get(&gone).map(Vec::as_slice).unwrap_or_default();
    let mut calm: Vec<Duration> =
        all.iter().filter(|(_, is_disturbed)| !is_disturbed).map(|(t, _)| *t).collect();
    calm.sort_unstable();
    let longest = all.iter().map(|(took, _)| *took).max();
    println!(
        "  slots taken over from one that {}: {} undisturbed, p50 {:?}, max {:?}; with {} in which something else \
         happened meanwhile, max {longest:?}",
        if gone == Gone::Left { "left" } else { "was killed" },
        calm.len(),
        calm.get(calm.len() / 2),
        calm.last(),
        all.len() - calm.len(),
    );
    calm.last().copied()
}
