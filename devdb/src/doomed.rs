//! Which databases the sweep may drop.
//!
//! Guarantees
//! - a database whose process lives is never picked; on the server of a `DATABASE_URL`, none of another
//!   machine, container or boot either;
//! - a kept database stays for a day, unless twenty newer ones are kept;
//! - a template stays for a day after its last use.

use crate::{
    mark::Mark,
    test_name::{Life, Maker},
};

const DAY_SECONDS: i64 = 24 * 60 * 60;
/// A template's mark is written anew at most this often: it is a write to a shared catalog.
const MARK_AGE_SECONDS: i64 = 60 * 60;
const KEPT_MAX: usize = 20;

/// A database that may be swept.
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) mark: Option<Mark>,
    pub(crate) connections: i64,
}

impl Candidate {
    /// True for a template whose mark says that it was used not long ago.
    pub(crate) fn is_marked_fresh(&self, now: i64) -> bool {
        matches!(self.mark, Some(Mark::Used { at }) if now - at < MARK_AGE_SECONDS)
    }
}

/// Picks the databases to drop, at a time in seconds since 1970 by the server's clock.
pub(crate) fn doomed(candidates: &[Candidate], now: i64, is_ours: bool, used: Option<&str>) -> Vec<String> {
    let mut kept: Vec<(i64, &str)> = Vec::new();
    let mut doomed = Vec::new();
    for candidate in candidates {
        let is_doomed = match (&candidate.mark, Maker::of(&candidate.name)) {
            (Some(Mark::Kept { at, .. }), _) => {
                kept.push((*at, &candidate.name));
                now - at > DAY_SECONDS
            }
            (Some(Mark::Used { at }), None) => {
                now - at > DAY_SECONDS && used != Some(candidate.name.as_str())
            }
            (_, Some(maker)) => match maker.life() {
                Life::Dead => true,
                // Our socket is reached only from the machine that the server runs on.
                Life::OtherBoot => is_ours && candidate.connections == 0,
                Life::Alive | Life::Elsewhere => false,
            },
            (None, None) => false,
        };
        if is_doomed {
            doomed.push(candidate.name.clone());
        }
    }
    kept.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    let surplus = kept.into_iter().skip(KEPT_MAX).map(|(_, name)| name.to_owned());
    doomed.extend(surplus.collect::<Vec<_>>());
    doomed.sort_unstable();
    doomed.dedup();
    doomed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_name;

    fn candidate(name: &str, mark: Option<Mark>) -> Candidate {
        Candidate { name: name.to_owned(), mark, connections: 0 }
    }

    fn kept(at: i64) -> Mark {
        Mark::Kept { at, test: String::new() }
    }

    /// A name of this boot and namespace whose process cannot be.
    fn of_the_dead(number: u32) -> String {
        let own = test_name::fresh();
        let parts: Vec<&str> = own.split('_').collect();
        format!("annals_test_{}_{}_2147483000_1_{number}", parts[2], parts[3])
    }

    #[test]
    fn the_dead_are_swept_and_the_living_are_not() {
        let (dead, alive) = (of_the_dead(1), test_name::fresh());
        let candidates = [candidate(&dead, None), candidate(&alive, None)];
        assert_eq!(doomed(&candidates, 0, false, None), [dead]);
    }

    #[test]
    fn another_machine_s_databases_are_left_alone_on_a_server_that_is_not_ours() {
        let foreign = "annals_test_zzzzzzzz_zzzz_1_1_1";
        assert!(doomed(&[candidate(foreign, None)], 0, false, None).is_empty());
        assert_eq!(doomed(&[candidate(foreign, None)], 0, true, None), [foreign]);
    }

    #[test]
    fn kept_ones_stay_for_a_day_and_twenty_of_them_at_most() {
        let now = 10 * DAY_SECONDS;
        let mut candidates: Vec<Candidate> =
            (0..22).map(|n| candidate(&of_the_dead(n), Some(kept(now - i64::from(n))))).collect();
        candidates.push(candidate(&of_the_dead(99), Some(kept(now - DAY_SECONDS - 1))));
        let doomed = doomed(&candidates, now, true, None);
        assert_eq!(doomed.len(), 3);
        for number in [20, 21, 99] {
            assert!(doomed.contains(&of_the_dead(number)), "{doomed:?}");
        }
    }

    #[test]
    fn a_template_goes_a_day_after_its_last_use_unless_it_is_in_use_now() {
        let now = 10 * DAY_SECONDS;
        let old = candidate("annals_template_a_1", Some(Mark::Used { at: now - DAY_SECONDS - 1 }));
        let recent = candidate("annals_template_b_1", Some(Mark::Used { at: now - 60 }));
        let unmarked = candidate("annals_template_c_1", None);
        let all = [old, recent, unmarked];
        assert_eq!(doomed(&all, now, true, None), ["annals_template_a_1"]);
        assert!(doomed(&all, now, true, Some("annals_template_a_1")).is_empty());
    }
}
