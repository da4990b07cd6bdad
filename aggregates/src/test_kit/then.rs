//! What is expected of a decision.

use std::fmt::Debug;

use annals_eventstore::ClaimChange;

use super::difference::difference;
use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::events::Events;

/// A decision that was taken, ready to be compared with what was expected.
///
/// Every expectation returns the decision again, so that several can follow each other, and after them the next
/// command: it is decided on the state that this one left.
pub struct Then<A: Aggregate> {
    pub(super) state: A,
    pub(super) context: Context,
    pub(super) decided: Result<Events<A::Event>, A::Refusal>,
}

impl<A: Aggregate<Event: Debug>> Then<A> {
    /// Expects exactly these events, in this order.
    ///
    /// # Panics
    ///
    /// When there were others, or a refusal.
    #[track_caller]
    pub fn then_events(self, expected: impl IntoIterator<Item = A::Event>) -> Self
    where
        A::Event: PartialEq,
    {
        let expected: Vec<_> = expected.into_iter().collect();
        let decided = self.expect_events();
        assert!(
            decided == expected,
            "other events were decided (- expected, + decided)\n{}",
            difference(&expected, decided)
        );
        self
    }

    /// Expects exactly these claims to be taken and released together with the events, in this order.
    ///
    /// # Panics
    ///
    /// When there were others, or a refusal.
    #[track_caller]
    pub fn then_claims(self, expected: impl IntoIterator<Item = ClaimChange>) -> Self {
        let expected: Vec<_> = expected.into_iter().collect();
        self.expect_events();
        let decided = self.decided.as_ref().map_or(&[][..], Events::claims);
        assert!(
            decided == expected,
            "other claims were decided (- expected, + decided)\n{}",
            difference(&expected, decided)
        );
        self
    }

    /// Expects that there was nothing to do.
    ///
    /// # Panics
    ///
    /// When there were events, or a refusal.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        let decided = self.expect_events();
        assert!(
            decided.is_empty(),
            "events were decided where nothing was to be done (+ decided)\n{}",
            difference(&[], decided)
        );
        self
    }

    /// Expects this refusal.
    ///
    /// # Panics
    ///
    /// When it was another one, or the command was accepted.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test names a refusal as it names events")]
    pub fn then_refused(self, expected: A::Refusal) -> Self
    where
        A::Refusal: PartialEq,
    {
        let refusal = self.expect_refusal();
        assert!(
            *refusal == expected,
            "refused for another reason (- expected, + decided)\n{}",
            difference(std::slice::from_ref(&expected), std::slice::from_ref(refusal))
        );
        self
    }

    /// Expects a refusal, and hands it to a check of your own.
    ///
    /// # Panics
    ///
    /// When the command was accepted, or the check panics.
    #[track_caller]
    pub fn then_refused_with(self, check: impl FnOnce(&A::Refusal)) -> Self {
        check(self.expect_refusal());
        self
    }

    /// Hands the state after the decision to a check; after a refusal it is the state before.
    ///
    /// # Panics
    ///
    /// When the check panics.
    #[track_caller]
    pub fn then_state(self, check: impl FnOnce(&A)) -> Self {
        check(&self.state);
        self
    }

    #[track_caller]
    fn expect_events(&self) -> &[A::Event] {
        match &self.decided {
            Ok(events) => events.as_slice(),
            Err(refusal) => panic!("the command was refused: {refusal}\n  {refusal:?}"),
        }
    }

    #[track_caller]
    fn expect_refusal(&self) -> &A::Refusal {
        match &self.decided {
            Ok(events) => panic!(
                "the command was accepted where a refusal was expected (+ decided)\n{}",
                difference(&[], events.as_slice())
            ),
            Err(refusal) => refusal,
        }
    }
}

impl<A: Aggregate<Event: Debug> + Debug> Debug for Then<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Then").field("state", &self.state).field("decided", &self.decided).finish()
    }
}
