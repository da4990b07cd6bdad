//! Who works on how much: a fair share of the slots for every runner, as a function of what all of them see.
//!
//! Guarantees: the shares of all runners add up to all slots, so that none stays free and nobody keeps what another is
//! to have. The remainders of several projections do not all fall on the same runner.

use annals_eventstore::postgres::{Consumer, SlotStatus};
use annals_eventstore::{Partition, RunnerId};

/// What a runner is to do about the slots of one projection.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Slots to try to take, in this order, until the share is reached.
    pub(super) take: Vec<Partition>,
    /// How many of them.
    pub(super) wanted: usize,
    /// Slots to give back.
    pub(super) give: Vec<Partition>,
}

/// Decides on what to take and to give, from the slots as they stand and the runners that are alive.
pub(super) fn plan(
    slots: &[SlotStatus],
    alive: &[RunnerId],
    me: RunnerId,
    mine: &[Partition],
    turn: usize,
) -> Plan {
    if slots.iter().any(|slot| slot.paused) {
        return Plan { give: mine.to_vec(), ..Plan::default() };
    }
    let working = slots.iter().filter(|slot| slot.stopped.is_none()).count();
    let share = share(working, alive, me, turn);
    let give = mine.iter().skip(share).copied().collect();
    let wanted = share.saturating_sub(mine.len());
    let free = slots.iter().filter(|slot| slot.is_free && slot.stopped.is_none());
    let free = free.map(|slot| slot.partition).filter(|slot| !mine.contains(slot));
    Plan { take: if wanted == 0 { Vec::new() } else { free.collect() }, wanted, give }
}

/// Returns with whom the remainder of a projection's slots begins: the same for every runner, whatever else it hosts.
pub(super) fn turn(consumer: &Consumer) -> usize {
    usize::from(Partition::of_key(&format!("{} {}", consumer.name, consumer.version), u16::MAX).0)
}

/// Returns how many of some slots a runner is to have. `turn` says with whom the remainder begins.
fn share(slots: usize, alive: &[RunnerId], me: RunnerId, turn: usize) -> usize {
    let mut runners = alive.to_vec();
    runners.push(me);
    runners.sort_unstable();
    runners.dedup();
    let rank = runners.iter().position(|runner| *runner == me).expect("it was just added");
    let nth = (rank + turn) % runners.len();
    slots / runners.len() + usize::from(nth < slots % runners.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use annals_eventstore::{GlobalPosition, Lease};

    use super::*;

    fn slot(partition: u16, is_free: bool) -> SlotStatus {
        SlotStatus {
            partition: Partition(partition),
            lease: Lease::FREE,
            is_free,
            remaining: Duration::ZERO,
            stopped: None,
            paused: false,
            is_replaced: false,
            position: GlobalPosition::START,
        }
    }

    fn runners(n: usize) -> Vec<RunnerId> {
        (0..n).map(|_| RunnerId::new()).collect()
    }

    #[test]
    fn shares_add_up_to_all_slots_and_differ_by_one_at_most() {
        for slots in 0..20 {
            for n in 1..7 {
                for turn in 0..7 {
                    let alive = runners(n);
                    let shares: Vec<_> = alive.iter().map(|me| share(slots, &alive, *me, turn)).collect();
                    assert_eq!(shares.iter().sum::<usize>(), slots, "{shares:?}");
                    assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "{shares:?}");
                }
            }
        }
    }

    #[test]
    fn the_turn_of_a_projection_is_its_own_and_not_its_place_among_others() {
        let consumer = |name: &str, version| Consumer { name: name.to_owned(), version };
        let (x, y) = (consumer("x", 1), consumer("y", 1));
        let turns: Vec<usize> = [&x, &y, &consumer("x", 2)].into_iter().map(turn).collect();
        assert_eq!(turns, [&x, &y, &consumer("x", 2)].map(turn), "the same wherever it is asked");
        assert!(turns[0] != turns[1] && turns[0] != turns[2], "{turns:?}");

        // One runner hosts both, the other one of them only: all slots of that one are somebody's.
        let alive = runners(2);
        let shares = alive.iter().map(|me| share(1, &alive, *me, turn(&y)));
        assert_eq!(shares.sum::<usize>(), 1);
    }

    #[test]
    fn the_remainders_of_several_projections_fall_on_several_runners() {
        let alive = runners(2);
        let of_first: Vec<_> = (0..4).map(|turn| share(1, &alive, alive[0], turn)).collect();
        assert_eq!(of_first.iter().sum::<usize>(), 2, "{of_first:?}");
    }

    #[test]
    fn who_has_too_many_gives_and_who_has_too_few_takes_what_is_free() {
        let (alive, slots) = (runners(2), [slot(0, false), slot(1, false), slot(2, true), slot(3, true)]);
        let both = [Partition(0), Partition(1)];

        let has = |mine: &[Partition]| plan(&slots, &alive, alive[0], mine, 0);

        assert_eq!(has(&both), Plan::default());
        assert_eq!(has(&[]), Plan { take: vec![Partition(2), Partition(3)], wanted: 2, give: Vec::new() });
        let three = [Partition(0), Partition(1), Partition(2)];
        assert_eq!(has(&three), Plan { give: vec![Partition(2)], ..Plan::default() });
    }

    #[test]
    fn nobody_keeps_a_slot_of_a_projection_that_is_paused_and_nobody_takes_one_that_stopped() {
        let (alive, me) = (runners(1), Partition(0));
        let paused = SlotStatus { paused: true, ..slot(0, false) };
        let stopped = SlotStatus { stopped: Some("poison".to_owned()), ..slot(1, true) };

        assert_eq!(plan(&[paused], &alive, alive[0], &[me], 0), Plan { give: vec![me], ..Plan::default() });
        assert_eq!(plan(&[slot(0, false), stopped], &alive, alive[0], &[me], 0), Plan::default());
    }
}
