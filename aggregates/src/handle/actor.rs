//! The task of one aggregate in memory.
//!
//! ```text
//! spawned -> waiting <-> carrying out -> passive (idle, nobody has a way in) or drained (shut down) -> gone
//! ```

use std::sync::Arc;

use annals_eventstore::EventStore;
use tokio::time::{Instant, sleep_until};

use super::batch::Resident;
use super::directory::{Directory, Inbox};
use super::options::HandleOptions;
use crate::aggregate::Aggregate;

/// Carries out what arrives, until nothing does.
pub(super) async fn run<A: Aggregate, S: EventStore>(
    directory: Arc<Directory<A>>,
    options: HandleOptions,
    mut resident: Resident<A, S>,
    mut inbox: Inbox<A>,
) {
    let mut waiting = Vec::new();
    let idle = sleep_until(Instant::now() + options.idle);
    tokio::pin!(idle);
    loop {
        tokio::select! {
            biased;
            received = inbox.recv_many(&mut waiting, options.batch_commands) => {
                if received == 0 {
                    return;
                }
                // Boxed: while it waits, the task holds no room for it.
                Box::pin(resident.carry_out(std::mem::take(&mut waiting))).await;
                idle.as_mut().reset(Instant::now() + options.idle);
            }
            () = directory.closed.cancelled(), if !inbox.is_closed() => inbox.close(),
            () = &mut idle => {
                if directory.let_go(&resident.stream, &inbox) {
                    return;
                }
                idle.as_mut().reset(Instant::now() + options.idle);
            }
        }
    }
}
