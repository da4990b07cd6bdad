//! The watch over open appends that hold readers back for long: told in metrics, and once each in the log.
//!
//! ```text
//! resting --a reader is held back at one mark for a while--> watching --none that held before holds still--> resting
//! ```
//!
//! Guarantees
//! - while marks come and go, as under any load, nobody is asked and nothing is told;
//! - an open append is warned of once, and its end is told if it was;
//! - ages are counted from when this process first listed an open append, by this process's clock, so that they
//!   are known whatever the role may see.
//!
//! Leaves to others: ending a transaction. Nothing here decides what readers are given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use super::fence_blockers::{FenceBlocker, FenceHolder, fence_blockers};
use super::session::Session;
use crate::read::HeldBack;
use crate::telemetry::{FENCE_HOLDER_PID, FENCE_HOLDERS, FENCE_OLDEST_HOLD, Holder};

/// The longest and the shortest pause between two looks at who holds the fence.
const PAUSE_MAX: Duration = Duration::from_secs(1);
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// Every kind of holder that is counted.
const KINDS: [Holder; 4] = [Holder::Running, Holder::Idle, Holder::Prepared, Holder::Unknown];

/// What a store's readers have seen of the fence, and the task that looks closer.
#[derive(Debug)]
pub(super) struct FenceWatch {
    session: Session,
    warn_after: Duration,
    mark: Mutex<Mark>,
}

/// The mark that readers are held back at.
#[derive(Debug, Default)]
struct Mark {
    held_back: Option<(HeldBack, Instant)>,
    is_watched: bool,
}

/// What the task knows of one open append.
#[derive(Debug)]
struct Known {
    blocker: FenceBlocker,
    first_seen: Instant,
    is_warned_of: bool,
}

impl FenceWatch {
    /// Makes a watch that warns of an open append once it has held for so long.
    pub(super) fn new(session: Session, warn_after: Duration) -> Self {
        Self { session, warn_after, mark: Mutex::default() }
    }

    /// A reader was held back at a mark, or was not. Begins to watch when the mark has stood still for long enough.
    pub(super) fn seen(
        self: &Arc<Self>,
        held_back: Option<HeldBack>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        if self.mark().stands_still(held_back, self.pause()) {
            let (watch, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move { stop.run_until_cancelled(watch.run()).await });
        }
    }

    /// Looks until nobody holds the fence who has held it at the look before.
    async fn run(&self) {
        let _rest = Rest(self);
        let mut known = HashMap::new();
        loop {
            let blockers = match fence_blockers(&self.session).await {
                Ok(blockers) => blockers,
                Err(error) => {
                    debug!(error = &error as &dyn std::error::Error, "open appends cannot be listed");
                    break;
                }
            };
            let (still, gone) = compare(known, blockers);
            for known in gone.iter().filter(|known| known.is_warned_of) {
                tell_end(known);
            }
            known = still;
            if known.is_empty() {
                break;
            }
            self.tell(&mut known);
            tokio::time::sleep(self.pause()).await;
        }
    }

    /// Tells who holds the fence.
    fn tell(&self, known: &mut HashMap<String, Known>) {
        tell_metrics(known.values());
        for known in known.values_mut().filter(|known| !known.is_warned_of) {
            let held_for = known.first_seen.elapsed();
            if held_for >= self.warn_after {
                known.is_warned_of = true;
                tell_hold(&known.blocker, held_for);
            }
        }
    }

    /// Several looks come before a warning.
    fn pause(&self) -> Duration {
        (self.warn_after / 5).clamp(PAUSE_MIN, PAUSE_MAX)
    }

    fn mark(&self) -> MutexGuard<'_, Mark> {
        self.mark.lock().expect("nothing panics while it holds the mark")
    }
}

impl Mark {
    /// Takes what a reader saw; tells whether somebody is to look closer, which nobody does yet.
    fn stands_still(&mut self, held_back: Option<HeldBack>, pause: Duration) -> bool {
        let now = Instant::now();
        let before = self.held_back.filter(|(mark, _)| Some(*mark) == held_back);
        self.held_back = before.or(held_back.map(|mark| (mark, now)));
        let is_still = before.is_some_and(|(_, since)| now.duration_since(since) >= pause);
        let begins = is_still && !self.is_watched;
        self.is_watched |= begins;
        begins
    }
}

/// The end of the task, however it comes about.
struct Rest<'a>(&'a FenceWatch);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        tell_metrics(std::iter::empty());
        *self.0.mark() = Mark::default();
    }
}

/// Brings what is known up to date; returns it, and what is gone. Where nothing that was known is left, nothing is.
fn compare(
    mut before: HashMap<String, Known>,
    blockers: Vec<FenceBlocker>,
) -> (HashMap<String, Known>, Vec<Known>) {
    let (is_first_look, now) = (before.is_empty(), Instant::now());
    let mut is_any_old = false;
    let mut still = HashMap::new();
    for blocker in blockers {
        let old = before.remove(&blocker.virtual_transaction);
        is_any_old |= old.is_some();
        let (first_seen, is_warned_of) = old.map_or((now, false), |old| (old.first_seen, old.is_warned_of));
        let transaction = blocker.virtual_transaction.clone();
        still.insert(transaction, Known { blocker, first_seen, is_warned_of });
    }
    if !is_any_old && !is_first_look {
        still.clear();
    }
    (still, before.into_values().collect())
}

fn tell_metrics<'k>(known: impl Iterator<Item = &'k Known>) {
    let mut counts = KINDS.map(|kind| (kind, 0));
    let mut oldest: Option<&Known> = None;
    for known in known {
        let kind = kind_of(&known.blocker.holder);
        counts.iter_mut().filter(|(counted, _)| *counted == kind).for_each(|(_, count)| *count += 1);
        oldest = oldest.filter(|oldest| oldest.first_seen <= known.first_seen).or(Some(known));
    }
    for (kind, count) in counts {
        FENCE_HOLDERS.set_count(kind, count);
    }
    FENCE_OLDEST_HOLD.set((), oldest.map_or(0.0, |oldest| oldest.first_seen.elapsed().as_secs_f64()));
    let pid = oldest.and_then(|oldest| oldest.blocker.holder.pid());
    FENCE_HOLDER_PID.set_count((), pid.map_or(0, i64::from));
}

fn kind_of(holder: &FenceHolder) -> Holder {
    match holder {
        FenceHolder::Prepared { .. } => Holder::Prepared,
        FenceHolder::Session { state: Some(state), .. } if state.starts_with("idle") => Holder::Idle,
        FenceHolder::Session { state: Some(_), .. } => Holder::Running,
        FenceHolder::Session { state: None, .. } => Holder::Unknown,
    }
}

fn tell_hold(blocker: &FenceBlocker, held_for: Duration) {
    let FenceBlocker { holder, virtual_transaction, since, holds_back_after, .. } = blocker;
    warn!(
        %holder,
        virtual_transaction,
        pid = holder.pid(),
        gid = holder.gid(),
        since = since.map(tracing::field::display),
        ?held_for,
        %holds_back_after,
        advice = blocker.advice(),
        "open append holds readers back"
    );
}

fn tell_end(known: &Known) {
    let FenceBlocker { holder, virtual_transaction, .. } = &known.blocker;
    info!(
        %holder,
        virtual_transaction,
        pid = holder.pid(),
        gid = holder.gid(),
        held_for = ?known.first_seen.elapsed(),
        "append that held readers back has ended"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::GlobalPosition;

    const PAUSE: Duration = Duration::from_secs(1);

    fn blocker(virtual_transaction: &str) -> FenceBlocker {
        FenceBlocker {
            holds_back_after: GlobalPosition::START,
            virtual_transaction: virtual_transaction.to_owned(),
            holder: FenceHolder::Prepared { gid: None, owner: None },
            since: None,
            open_for: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_mark_that_stands_still_is_looked_at_closer_and_by_one_only() {
        let mut mark = Mark::default();
        let at = |n| Some(HeldBack::at_mark(n));

        assert!(!mark.stands_still(at(1), PAUSE));
        tokio::time::advance(PAUSE).await;
        assert!(!mark.stands_still(at(2), PAUSE), "it has moved");
        tokio::time::advance(PAUSE).await;
        assert!(!mark.stands_still(None, PAUSE));
        assert!(!mark.stands_still(at(2), PAUSE), "there was none in between");
        tokio::time::advance(PAUSE).await;
        assert!(mark.stands_still(at(2), PAUSE));
        assert!(!mark.stands_still(at(2), PAUSE), "it is watched already");
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_on_keeps_its_age_and_others_come_and_go() {
        let (known, _) = compare(HashMap::new(), vec![blocker("1/1"), blocker("2/2")]);
        tokio::time::advance(PAUSE).await;

        let (known, gone) = compare(known, vec![blocker("1/1"), blocker("3/3")]);
        assert_eq!(known["1/1"].first_seen.elapsed(), PAUSE);
        assert_eq!(known["3/3"].first_seen.elapsed(), Duration::ZERO);
        assert_eq!(gone.len(), 1);

        let (known, gone) = compare(known, vec![blocker("4/4")]);
        assert!(known.is_empty(), "nobody holds still");
        assert_eq!(gone.len(), 2);
    }
}
