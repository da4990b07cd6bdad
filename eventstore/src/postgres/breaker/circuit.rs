//! A breaker for the slots of one database of read models.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::sleep;
use tower::{Layer, Service};
use tower_resilience_circuitbreaker::{CircuitBreaker, CircuitBreakerLayer};

use super::pass::{Asked, CountsNotReached, Pass, Question};
use super::watch::{BreakerState, Watch};

/// How many times in a row the database is not reached before nobody asks any more.
pub const BREAKER_FAILURES: usize = 5;

/// How long nobody asks then; a little longer, by chance, so that not all processes ask at once.
pub const BREAKER_OPEN: Duration = Duration::from_secs(1);

/// Lets the slots of one database of read models ask, or wait while it cannot be reached. Its clones are the same one.
#[derive(Clone)]
pub struct SlotBreaker {
    circuit: CircuitBreaker<Asked, CountsNotReached>,
    watch: Arc<Watch>,
}

impl SlotBreaker {
    /// Makes one, which is closed.
    pub fn new() -> Self {
        Self::with(BREAKER_FAILURES, BREAKER_OPEN)
    }

    pub(super) fn with(failures_in_a_row: usize, open_for: Duration) -> Self {
        let watch = Arc::new(Watch::new(open_for));
        let told = Arc::clone(&watch);
        let layer = CircuitBreakerLayer::builder()
            .failure_classifier_type(CountsNotReached)
            .consecutive_failures(failures_in_a_row)
            .wait_duration_in_open(open_for)
            .permitted_calls_in_half_open(1)
            .on_state_transition(move |_, state| told.changed_to(state))
            .build()
            .expect("the options that it refuses are within their bounds");
        Self { circuit: layer.layer(Asked(Arc::clone(&watch))), watch }
    }

    /// Tells where it stands, and each change.
    pub fn state(&self) -> watch::Receiver<BreakerState> {
        self.watch.state()
    }

    /// Waits until somebody may ask.
    pub(in crate::postgres) async fn pass(&self) -> Pass {
        let mut state = self.watch.state();
        loop {
            state.mark_unchanged();
            if let Some(pass) = self.ask().await {
                return pass;
            }
            let pause = self.watch.retry_after();
            let pause = pause + pause.mul_f64(fastrand::f64() / 5.0);
            tokio::select! {
                _ = state.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Asks whether somebody may ask now.
    async fn ask(&self) -> Option<Pass> {
        let ((tell, answer), (admitted, mut is_admitted)) = (oneshot::channel(), oneshot::channel());
        let mut call = self.circuit.clone().call(Question { admitted, answer });
        tokio::select! {
            biased;
            // In this order: where it is closed nobody waits, not even for a second look.
            _ = &mut call => None,
            changes = &mut is_admitted => {
                let watch = Arc::clone(&self.watch);
                changes.ok().map(|changes| Pass { call, tell, watch, changes })
            }
        }
    }
}

impl Default for SlotBreaker {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for SlotBreaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlotBreaker").field("watch", &self.watch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::task::{Context, Waker};
    use std::time::Instant;

    use super::*;
    use crate::postgres::breaker::evidence::{Evidence, TellsEvidence};

    const OPEN: Duration = Duration::from_millis(200);

    struct Said(Evidence);

    impl TellsEvidence for Said {
        fn evidence(&self) -> Evidence {
            self.0
        }
    }

    async fn tell(breaker: &SlotBreaker, evidence: Evidence) {
        let answer: Result<(), Said> = Err(Said(evidence));
        breaker.pass().await.told(&answer).await;
    }

    fn is(breaker: &SlotBreaker, state: BreakerState) -> bool {
        *breaker.state().borrow() == state
    }

    #[tokio::test]
    async fn so_many_failures_in_a_row_open_it_and_one_answer_closes_it() {
        let breaker = SlotBreaker::with(3, OPEN);
        for evidence in [Evidence::NotReached, Evidence::NotReached, Evidence::Answered] {
            tell(&breaker, evidence).await;
        }
        tell(&breaker, Evidence::NotReached).await;
        tell(&breaker, Evidence::NotReached).await;
        assert!(is(&breaker, BreakerState::Closed));
        tell(&breaker, Evidence::NotReached).await;
        assert!(is(&breaker, BreakerState::Open));

        let begun = Instant::now();
        let probe = breaker.pass().await;
        assert!(begun.elapsed() >= OPEN.mul_f64(0.9), "{:?}", begun.elapsed());
        assert!(is(&breaker, BreakerState::HalfOpen));
        probe.told(&Ok::<_, Said>(())).await;
        assert!(is(&breaker, BreakerState::Closed));
    }

    /// A slot that is told to stop writes what it has at hand, if it may ask at once.
    #[tokio::test]
    async fn where_it_is_closed_nobody_waits() {
        let breaker = SlotBreaker::with(1, OPEN);

        let pass = pin!(breaker.pass()).poll(&mut Context::from_waker(Waker::noop()));

        assert!(pass.is_ready());
    }

    #[tokio::test]
    async fn answers_and_what_says_nothing_never_open_it() {
        let breaker = SlotBreaker::with(1, OPEN);
        for _ in 0..100 {
            tell(&breaker, Evidence::Answered).await;
            tell(&breaker, Evidence::Nothing).await;
        }
        assert!(is(&breaker, BreakerState::Closed));
    }

    #[tokio::test]
    async fn a_question_from_before_the_last_change_does_not_change_it_again() {
        let breaker = SlotBreaker::with(1, OPEN);
        let late = breaker.pass().await;
        tell(&breaker, Evidence::NotReached).await;
        breaker.pass().await.told(&Ok::<_, Said>(())).await;

        late.told(&Err::<(), _>(Said(Evidence::NotReached))).await;

        assert!(is(&breaker, BreakerState::Closed));
    }

    #[tokio::test]
    async fn a_probe_that_is_dropped_leaves_its_place_to_another() {
        let breaker = SlotBreaker::with(1, OPEN);
        tell(&breaker, Evidence::NotReached).await;
        drop(breaker.pass().await);

        tell(&breaker, Evidence::Answered).await;

        assert!(is(&breaker, BreakerState::Closed));
    }

    #[tokio::test]
    async fn while_it_is_open_one_of_many_asks_at_a_time_and_all_go_on_when_it_closes() {
        let breaker = SlotBreaker::with(5, OPEN);
        let (is_back, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let slots = (0..64).map(|_| {
            let (breaker, is_back, asked) = (breaker.clone(), Arc::clone(&is_back), Arc::clone(&asked));
            tokio::spawn(async move {
                loop {
                    let pass = breaker.pass().await;
                    asked.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    let is_answered = is_back.load(Ordering::SeqCst);
                    let said = if is_answered { Evidence::Answered } else { Evidence::NotReached };
                    pass.told(&Err::<(), _>(Said(said))).await;
                    if is_answered {
                        break;
                    }
                }
            })
        });
        let slots: Vec<_> = slots.collect();
        breaker.state().wait_for(|state| *state == BreakerState::Open).await.unwrap();
        // Those who were let through before it opened have their answers by then.
        sleep(OPEN / 2).await;
        let before = asked.load(Ordering::SeqCst);
        sleep(5 * OPEN).await;
        let probes = asked.load(Ordering::SeqCst) - before;

        is_back.store(true, Ordering::SeqCst);
        for slot in slots {
            slot.await.unwrap();
        }

        assert!((1..=6).contains(&probes), "{probes} of 64 asked while it was open five times");
        assert!(is(&breaker, BreakerState::Closed));
    }
}
