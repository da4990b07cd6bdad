//! What slots that fill a rebuild may do: no more than the live ones have done, and nothing to the live tables.

use std::collections::HashMap;
use std::sync::Arc;

use annals_eventstore::postgres::{Pace, SchemaName, Slot, SlotError, SlotLimits};
use annals_eventstore::{Cursor, EventHandler, Partition};
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tracing::{error, warn};

use super::slot_run::SlotRun;
use crate::rebuild::{ShadowGuard, TouchesLive};
use crate::statements::Statements;
use crate::told::in_full;

/// What the slots of a rebuild have in common.
pub(super) struct ShadowSlots {
    pub(super) rebuild: i64,
    pub(super) metric_name: String,
    /// Where they fill tables.
    pub(super) schema: SchemaName,
    pub(super) live: SchemaName,
    pub(super) limits: watch::Sender<HashMap<Partition, Cursor>>,
    pub(super) pace: Arc<Pace>,
    pub(super) statements: Arc<Statements>,
    pub(super) read_models: Pool,
}

impl ShadowSlots {
    /// Lets a handler touch nothing of the live tables.
    pub(super) fn guarded<H: EventHandler>(&self, inner: H) -> ShadowGuard<H> {
        ShadowGuard { inner, statements: Arc::clone(&self.statements), live: self.live.clone() }
    }

    /// Runs a slot no further than the live one, and ends the rebuild where its handler touches the live tables.
    pub(super) fn run<H: EventHandler + 'static>(self: Arc<Self>, slot: Slot<H>) -> SlotRun {
        let slot = slot
            .limited_by(SlotLimits::of_sender(&self.limits))
            .at_pace(Arc::clone(&self.pace))
            .observed_as(&self.metric_name);
        Box::new(move |stop| {
            Box::pin(async move {
                let ended = slot.run(stop).await;
                if let Err(error) = &ended
                    && let Some(why) = touches_live(error)
                {
                    self.fail(&why).await;
                }
                ended
            })
        })
    }

    async fn fail(&self, why: &str) {
        let failed = async {
            let client = self.read_models.get().await.map_err(|error| in_full(&error))?;
            let fails = &self.statements.rebuild_fails;
            fails.query(&**client, &[&self.rebuild, &why]).await.map_err(|error| in_full(&error))?;
            let wake = &self.statements.wake_runners;
            wake.query(&**client, &[]).await.map_err(|error| in_full(&error)).map(drop)
        };
        match failed.await {
            Ok(()) => error!(rebuild = self.rebuild, why, "rebuild fails"),
            // The slot has stopped, which is told of the rebuild as well.
            Err(error) => warn!(rebuild = self.rebuild, error, "rebuild could not be ended"),
        }
    }
}

fn touches_live(error: &SlotError) -> Option<String> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(touches) = error.downcast_ref::<TouchesLive>() {
            return Some(touches.to_string());
        }
        cause = error.source();
    }
    None
}
