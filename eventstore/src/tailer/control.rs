//! What is known about a subscription from outside of it, and how it is ended from there.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::read::ReadError;
use crate::telemetry::{SUBSCRIPTION_STATES, SUBSCRIPTIONS, State};

/// Where a subscription stands: `starting -> catching_up <-> live -> stopped`.
#[derive(Debug, Clone)]
pub enum SubscriptionState {
    /// It was not asked for a page yet.
    Starting,
    /// It reads from its own cursor.
    CatchingUp,
    /// It is fed by the tailer.
    Live,
    /// It ended, and gives no page any more.
    Stopped(StopReason),
}

/// Why a subscription ended. Its position stays where it was; subscribe behind it to go on.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason {
    /// It was unsubscribed, or dropped.
    #[error("subscription was ended by its owner")]
    Unsubscribed,
    /// Its tailer was stopped.
    #[error("tailer was stopped")]
    TailerStopped,
    /// The log is not the one that was read: it was restored to an older state, or replaced. Reading on would skip
    /// events, so whoever follows it has to begin anew.
    #[error("log has diverged")]
    Diverged(#[source] Arc<ReadError>),
    /// The log cannot be read, and trying again does not mend it.
    #[error("log cannot be read")]
    Failed(#[source] Arc<ReadError>),
}

impl StopReason {
    /// Takes a fault that trying again does not mend.
    pub(crate) fn of(error: ReadError) -> Self {
        match error {
            ReadError::Diverged { .. } => Self::Diverged(Arc::new(error)),
            other => Self::Failed(Arc::new(other)),
        }
    }
}

/// Watches and ends a subscription from elsewhere. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SubscriptionHandle(Arc<Control>);

#[derive(Debug)]
struct Control {
    state: watch::Sender<SubscriptionState>,
    stop: CancellationToken,
    /// A permit for each event that may wait in the queue.
    room: Arc<Semaphore>,
    queue_events: usize,
}

impl SubscriptionHandle {
    pub(super) fn new(stop: CancellationToken, queue_events: usize) -> Self {
        SUBSCRIPTIONS.change(State::Starting, 1.0);
        let queue_events = queue_events.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self(Arc::new(Control {
            state: watch::Sender::new(SubscriptionState::Starting),
            stop,
            room: Arc::new(Semaphore::new(queue_events)),
            queue_events,
        }))
    }

    /// Returns where the subscription stands now, and where it will stand.
    pub fn state(&self) -> watch::Receiver<SubscriptionState> {
        self.0.state.subscribe()
    }

    /// Ends the subscription; a page that is being handed out is the last one.
    pub fn unsubscribe(&self) {
        self.enter(SubscriptionState::Stopped(StopReason::Unsubscribed));
        self.0.stop.cancel();
    }

    /// Waits for the end and tells its reason.
    pub async fn stopped(&self) -> StopReason {
        let mut state = self.state();
        let stopped = async {
            match state.wait_for(|state| matches!(state, SubscriptionState::Stopped(_))).await.as_deref() {
                Ok(SubscriptionState::Stopped(reason)) => reason.clone(),
                _ => unreachable!("the sender lives as long as this handle, and nothing else was waited for"),
            }
        };
        tokio::select! {
            biased;
            reason = stopped => reason,
            () = self.0.stop.cancelled() => self.stop_reason(),
        }
    }

    /// Returns how many events wait in the queue, at most the limit of [`TailerOptions`](super::TailerOptions).
    ///
    /// A page without events counts as one.
    pub fn queued_events(&self) -> usize {
        self.0.queue_events - self.0.room.available_permits()
    }

    /// The reason for a cancelled token: the one already given, else the tailer's end.
    pub(super) fn stop_reason(&self) -> StopReason {
        self.enter(SubscriptionState::Stopped(StopReason::TailerStopped));
        match &*self.0.state.borrow() {
            SubscriptionState::Stopped(reason) => reason.clone(),
            _ => unreachable!("stopped is the last state"),
        }
    }

    /// Changes the state, except that nothing follows after stopped.
    pub(super) fn enter(&self, next: SubscriptionState) {
        self.0.state.send_if_modified(|state| {
            let is_news = std::mem::discriminant(state) != std::mem::discriminant(&next);
            let is_over = matches!(state, SubscriptionState::Stopped(_));
            if is_news && !is_over {
                tell(state, &next);
                *state = next;
            }
            is_news && !is_over
        });
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.0.stop
    }

    pub(super) fn room(&self) -> &Arc<Semaphore> {
        &self.0.room
    }

    pub(super) fn queue_events(&self) -> usize {
        self.0.queue_events
    }
}

/// Counts a change of state.
fn tell(from: &SubscriptionState, to: &SubscriptionState) {
    let (from, to) = (label(from), label(to));
    SUBSCRIPTION_STATES.count(to);
    SUBSCRIPTIONS.change(from, -1.0);
    if to != State::Stopped {
        SUBSCRIPTIONS.change(to, 1.0);
    }
}

fn label(state: &SubscriptionState) -> State {
    match state {
        SubscriptionState::Starting => State::Starting,
        SubscriptionState::CatchingUp => State::CatchingUp,
        SubscriptionState::Live => State::Live,
        SubscriptionState::Stopped(_) => State::Stopped,
    }
}
