//! Deciding in several steps, each of which sees what the steps before it led to.

use annals_eventstore::Claim;

use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::events::Events;

impl<E> Events<E> {
    /// Begins a decision in several steps, each of which sees what the steps before it led to.
    pub fn deciding<A: Aggregate<Event = E>>(state: &A) -> Deciding<A> {
        Deciding { state: state.clone(), events: Events::none() }
    }
}

/// A decision in several steps, on a copy of the state that takes in each event as it is emitted.
///
/// # Examples
///
/// Selling on credit first raises the limit, and the sale is then decided on the raised one:
///
/// ```
/// # use annals_aggregates::{Aggregate, Context, Events};
/// # #[derive(Clone, Default)]
/// # struct Customer { limit: u32, owed: u32 }
/// # #[derive(Debug, PartialEq, annals_eventstore::Event)]
/// # #[event(crate = annals_eventstore)]
/// # enum CustomerEvent { #[event(name = "limit-raised")] LimitRaised(u32), #[event(name = "sold")] Sold(u32) }
/// # #[derive(Debug, thiserror::Error)]
/// # #[error("over the limit")]
/// # struct OverLimit;
/// # #[derive(Clone)]
/// # enum CustomerCommand { Sell(u32), SellOnCredit(u32) }
/// # impl Aggregate for Customer {
/// #     const CATEGORY: &'static str = "customer";
/// #     type Id = u32;
/// #     type Command = CustomerCommand;
/// #     type Event = CustomerEvent;
/// #     type Refusal = OverLimit;
/// fn decide(&self, command: CustomerCommand, context: &Context) -> Result<Events<CustomerEvent>, OverLimit> {
///     match command {
///         CustomerCommand::Sell(price) if self.owed + price > self.limit => Err(OverLimit),
///         CustomerCommand::Sell(price) => Ok(Events::one(CustomerEvent::Sold(price))),
///         CustomerCommand::SellOnCredit(price) => {
///             let mut decision = Events::deciding(self);
///             decision.emit(CustomerEvent::LimitRaised(self.limit + price));
///             decision.decide(CustomerCommand::Sell(price), context)?;
///             Ok(decision.into_events())
///         }
///     }
/// }
/// #     fn evolve(&mut self, event: &CustomerEvent) {
/// #         match event {
/// #             CustomerEvent::LimitRaised(limit) => self.limit = *limit,
/// #             CustomerEvent::Sold(price) => self.owed += price,
/// #         }
/// #     }
/// # }
/// # let decided = Customer::default().decide(CustomerCommand::SellOnCredit(5), &Context::new()).unwrap();
/// # assert_eq!(decided, Events::from([CustomerEvent::LimitRaised(5), CustomerEvent::Sold(5)]));
/// ```
#[derive(Debug)]
pub struct Deciding<A: Aggregate> {
    state: A,
    events: Events<A::Event>,
}

impl<A: Aggregate> Deciding<A> {
    /// Returns the state after everything emitted so far.
    pub fn state(&self) -> &A {
        &self.state
    }

    /// Adds an event and takes it into the state.
    pub fn emit(&mut self, event: A::Event) -> &mut Self {
        self.state.evolve(&event);
        self.events.append(Events::one(event));
        self
    }

    /// Takes a claim together with the events.
    pub fn take(&mut self, claim: Claim) -> &mut Self {
        self.events.append(Events::none().taking(claim));
        self
    }

    /// Releases a claim together with the events.
    pub fn release(&mut self, claim: Claim) -> &mut Self {
        self.events.append(Events::none().releasing(claim));
        self
    }

    /// Decides another command on the state so far, and emits what it leads to.
    ///
    /// # Errors
    ///
    /// That command's refusal; nothing of it is emitted then.
    pub fn decide(&mut self, command: A::Command, context: &Context) -> Result<&mut Self, A::Refusal> {
        let decided = self.state.decide(command, context)?;
        decided.as_slice().iter().for_each(|event| self.state.evolve(event));
        self.events.append(decided);
        Ok(self)
    }

    /// Returns everything that was emitted.
    pub fn into_events(self) -> Events<A::Event> {
        self.events
    }
}
