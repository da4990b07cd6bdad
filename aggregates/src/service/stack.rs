//! The services around a command, in their one order.

use tower::Layer;
use tower::util::{BoxCloneSyncService, MapErr, option_layer};

use super::breaker::BreakerLayer;
use super::carrier::{CarriesOut, Carrying};
use super::command::Command;
use super::deadline::DeadlineLayer;
use super::drain::DrainLayer;
use super::error::CommandError;
use super::idempotency::IdempotencyLayer;
use super::meter::MeterLayer;
use super::options::CommandServiceOptions;
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
    shed: Option<&ShedLayer>,
    options: &CommandServiceOptions,
) -> Boxed<A> {
    let keyed = IdempotencyLayer::new(options.attempts).layer(Carrying(carrier));
    let timed = DeadlineLayer::new(options.deadline).layer(MapErr::new(keyed, CommandError::from));
    let breaker = options.breaker.map(|breaker| BreakerLayer::new(A::CATEGORY, breaker));
    let guarded = option_layer(breaker).layer(timed);
    let limited = option_layer(shed.cloned()).layer(guarded);
    BoxCloneSyncService::new(TraceLayer.layer(MeterLayer.layer(drain.layer(limited))))
}
