//! The services around a command, in their one order.

use tower::Layer;
use tower::limit::ConcurrencyLimit;
use tower::util::{BoxCloneSyncService, MapErr};

use super::breaker::BreakerLayer;
use super::carrier::{CarriesOut, Carrying};
use super::command::Command;
use super::deadline::DeadlineLayer;
use super::drain::DrainLayer;
use super::error::CommandError;
use super::idempotency::IdempotencyLayer;
use super::meter::MeterLayer;
use super::options::{CommandServiceOptions, WhenFull};
use super::shed::ShedLayer;
use super::trace::TraceLayer;
use crate::aggregate::Aggregate;
use crate::executed::Executed;

/// A command service whose layers are not told any more.
pub(super) type Boxed<A> =
    BoxCloneSyncService<Command<A>, Executed<A>, CommandError<<A as Aggregate>::Refusal>>;

/// Puts the layers around someone who carries commands out, from the innermost to the outermost.
pub(super) fn stack<A: Aggregate, C: CarriesOut<A>>(
    carrier: C,
    drain: &DrainLayer,
    options: &CommandServiceOptions,
) -> Boxed<A> {
    let keyed = IdempotencyLayer::new(options.attempts).layer(Carrying(carrier));
    let timed = DeadlineLayer::new(options.deadline).layer(MapErr::new(keyed, CommandError::from));
    let guarded: Boxed<A> = match options.breaker {
        Some(breaker) => BoxCloneSyncService::new(BreakerLayer::new(A::CATEGORY, breaker).layer(timed)),
        None => BoxCloneSyncService::new(timed),
    };
    let limited: Boxed<A> = match (options.concurrent_commands, options.when_full) {
        (Some(limit), WhenFull::Shed) => BoxCloneSyncService::new(ShedLayer::new(limit).layer(guarded)),
        (Some(limit), WhenFull::Wait) => BoxCloneSyncService::new(ConcurrencyLimit::new(guarded, limit)),
        (None, _) => guarded,
    };
    BoxCloneSyncService::new(TraceLayer.layer(MeterLayer.layer(drain.layer(limited))))
}
