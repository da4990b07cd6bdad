//! Whether an append that somebody left open holds readers back.

use std::time::Duration;

use tokio_postgres::Error;

use super::diagnosis::Diagnosis;
use super::subject::Subject;
use crate::postgres::fence_blockers::{FenceBlocker, blockers};

const CHECK: &str = "open_appends";

/// Lists open appends that are older than they should be, a line each.
pub(super) fn check(
    subject: &Subject<'_>,
    open: &Result<Vec<FenceBlocker>, Error>,
    is_standby: bool,
) -> Vec<Diagnosis> {
    match open {
        Ok(open) => judge(open, subject.open_for_max, is_standby),
        Err(error) => vec![Diagnosis::unanswered(CHECK, error)],
    }
}

/// Asks who holds the fence.
pub(super) async fn open_appends(subject: &Subject<'_>) -> Result<Vec<FenceBlocker>, Error> {
    blockers(&subject.rows(&subject.statements.fence_blockers).await?)
}

fn judge(open: &[FenceBlocker], open_for_max: Duration, is_standby: bool) -> Vec<Diagnosis> {
    if is_standby {
        return vec![Diagnosis::warn(
            CHECK,
            "a standby does not show the locks of its primary",
            "ask the primary",
        )];
    }
    let (mut found, mut young) = (Vec::new(), 0);
    for blocker in open {
        let held = format!("{} holds readers back at position {}", blocker.holder, blocker.holds_back_after);
        match blocker.open_for {
            Some(age) if age >= open_for_max => {
                found.push(Diagnosis::fail(
                    CHECK,
                    format!("{held}, open for {}", seconds(age)),
                    blocker.advice(),
                ));
            }
            Some(_) => young += 1,
            None => {
                let advice =
                    format!("ask again as a role with pg_read_all_stats for its age; {}", blocker.advice());
                found.push(Diagnosis::warn(
                    CHECK,
                    format!("{held}; this role may not see since when"),
                    advice,
                ));
            }
        }
    }
    if found.is_empty() {
        let told = match young {
            0 => "none".to_owned(),
            young => format!("{young}, none of them open for {}", seconds(open_for_max)),
        };
        found.push(Diagnosis::ok(CHECK, told));
    }
    found
}

/// A time that is told to people.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::GlobalPosition;
    use crate::postgres::checkup::diagnosis::Verdict;
    use crate::postgres::fence_blockers::FenceHolder;

    fn open_for(age: Option<u64>) -> FenceBlocker {
        FenceBlocker {
            holds_back_after: GlobalPosition::START,
            virtual_transaction: "3/7".to_owned(),
            holder: FenceHolder::Session { pid: 7, user: None, application_name: None, state: None },
            since: None,
            open_for: age.map(Duration::from_secs),
        }
    }

    fn verdicts(open: &[Option<u64>]) -> Vec<Verdict> {
        let open: Vec<_> = open.iter().copied().map(open_for).collect();
        judge(&open, Duration::from_secs(10), false).iter().map(|each| each.verdict).collect()
    }

    #[test]
    fn appends_are_open_for_a_moment_and_only_what_stays_open_is_a_fault() {
        assert_eq!(verdicts(&[]), [Verdict::Ok]);
        assert_eq!(verdicts(&[Some(1), Some(9)]), [Verdict::Ok]);
        assert_eq!(verdicts(&[Some(10), Some(1), Some(99)]), [Verdict::Fail, Verdict::Fail]);
        assert_eq!(verdicts(&[None]), [Verdict::Warn]);
    }

    #[test]
    fn what_a_standby_cannot_see_is_not_said_to_be_none() {
        let told = judge(&[], Duration::from_secs(10), true);
        assert_eq!((told.len(), told[0].verdict), (1, Verdict::Warn), "{told:?}");
    }
}
