//! How long a reader rests while an open append holds settled events back.
//!
//! Guarantees: at least 2 ms and five times the cost of the last look, so that looking takes a sixth of a
//! reader's time at most; longer while the same append holds back; beyond that least never longer than the poll
//! interval.

use std::time::Duration;

use crate::read::HeldBack;

/// The shortest rest.
const REST_MIN: Duration = Duration::from_millis(2);

/// The shortest rest, in costs of the look before it.
const COSTS: u32 = 5;

/// Counts how long nothing has moved.
#[derive(Debug)]
pub(super) struct LookAgain {
    held_back: Option<HeldBack>,
    rest: Duration,
}

/// A rest: not to be cut short before `least`, over at `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) least: Duration,
    pub(super) most: Duration,
}

impl LookAgain {
    pub(super) fn new() -> Self {
        Self { held_back: None, rest: Duration::ZERO }
    }

    /// Returns the rest after a look that took so long and was held back here.
    pub(super) fn rest(&mut self, cost: Duration, held_back: HeldBack, most: Duration) -> Rest {
        let stands_still = self.held_back == Some(held_back);
        let least = REST_MIN.max(cost * COSTS);
        // Half as long again: the end of an append is noticed late by half of its age at most.
        let longer = if stands_still { self.rest + self.rest / 2 } else { Duration::ZERO };
        self.held_back = Some(held_back);
        self.rest = longer.min(most).max(least);
        Rest { least, most: self.rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn rests_grow_while_the_same_append_holds_back_and_begin_anew_when_another_does() {
        let (mut look_again, mark) = (LookAgain::new(), HeldBack::at_mark(7));

        let rests: Vec<_> = (0..4).map(|_| look_again.rest(ms(0), mark, HOUR).most).collect();

        assert_eq!(rests, [ms(2), ms(3), Duration::from_micros(4500), Duration::from_micros(6750)]);
        assert_eq!(look_again.rest(ms(0), HeldBack::at_mark(8), HOUR).most, ms(2));
    }

    #[test]
    fn a_costly_look_is_followed_by_five_times_its_cost() {
        let mut look_again = LookAgain::new();

        let rest = look_again.rest(ms(10), HeldBack::at_mark(7), HOUR);

        assert_eq!(rest, Rest { least: ms(50), most: ms(50) });
    }

    #[test]
    fn a_rest_grows_to_the_poll_interval_and_no_further() {
        let (mut look_again, mark) = (LookAgain::new(), HeldBack::at_mark(7));

        let longest = (0..100).map(|_| look_again.rest(ms(1), mark, ms(100))).last();

        assert_eq!(longest, Some(Rest { least: ms(5), most: ms(100) }));
    }

    #[test]
    fn a_look_that_costs_more_than_the_poll_interval_is_still_followed_by_five_times_its_cost() {
        let mut look_again = LookAgain::new();

        let rest = look_again.rest(ms(30), HeldBack::at_mark(7), ms(100));

        assert_eq!(rest, Rest { least: ms(150), most: ms(150) });
    }
}
