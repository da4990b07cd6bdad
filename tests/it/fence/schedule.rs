//! Schedules: the orders in which the sessions of a cast can take their steps.
//!
//! Two schedules that differ only in the order of neighbouring steps that touch nothing in common end alike.
//! They make a class; one schedule of each class stands for all of it. A writer that waits for another one's
//! stream takes no step until that one has ended.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::cast::{Cast, Step};

/// Who takes the next step, step by step. Writers are a, b, c; the reader is r.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Schedule(pub(super) Vec<usize>);

impl Schedule {
    /// Reads a schedule as it is printed; blanks are for the eye.
    pub(super) fn named(cast: &Cast, text: &str) -> Self {
        let session = |letter: char| match letter {
            'r' => cast.writers.len(),
            writer => "abc".find(writer).expect("a writer is a, b or c"),
        };
        Self(text.chars().filter(|letter| *letter != ' ').map(session).collect())
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reader = self.0.iter().max().copied().unwrap_or_default();
        self.0.iter().try_for_each(|session| match *session {
            session if session == reader => f.write_str("r"),
            writer => f.write_str(&"abc"[writer..=writer]),
        })
    }
}

/// How far everybody is, and who waits for whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Progress {
    taken: Vec<usize>,
    /// By stream: who holds the row, then who waits for it.
    queues: BTreeMap<usize, Vec<usize>>,
}

impl Progress {
    pub(super) fn of(cast: &Cast) -> Self {
        Self { taken: vec![0; cast.sessions()], queues: BTreeMap::new() }
    }

    /// The session's next step; `None` when it has taken all, or waits.
    pub(super) fn next(&self, cast: &Cast, session: usize) -> Option<Step> {
        let taken = self.taken[session];
        (taken < cast.steps(session) && !self.waits(session)).then(|| cast.step(session, taken))
    }

    /// True while the session waits for another one's stream.
    pub(super) fn waits(&self, session: usize) -> bool {
        self.queues.values().any(|queue| queue.iter().skip(1).any(|waiting| *waiting == session))
    }

    /// Takes the session's next step; returns who need not wait any more.
    pub(super) fn take(&mut self, cast: &Cast, session: usize) -> Option<usize> {
        let step = cast.step(session, self.taken[session]);
        self.taken[session] += 1;
        let queue = self.queues.entry(cast.writers.get(session)?.stream).or_default();
        match step {
            Step::LockStream => queue.push(session),
            Step::End => {
                queue.remove(0);
                return queue.first().copied();
            }
            _ => {}
        }
        None
    }

    fn is_over(&self, cast: &Cast) -> bool {
        (0..cast.sessions()).all(|session| self.taken[session] == cast.steps(session))
    }
}

/// Every schedule of a cast.
pub(super) fn every_schedule(cast: &Cast) -> Vec<Schedule> {
    schedules(cast, &|_, _, _| true)
}

/// One schedule of each class: the one in which earlier letters come as early as they can. Of classes that
/// differ only in the roles of twins, one.
pub(super) fn one_schedule_of_each_class(cast: &Cast) -> Vec<Schedule> {
    schedules(cast, &|past, progress, next| {
        comes_first(cast, past, next) && leads_twins(cast, progress, next)
    })
}

/// The number of schedules, without making them.
pub(super) fn count(cast: &Cast) -> u64 {
    fn onwards(cast: &Cast, progress: &Progress, known: &mut HashMap<Progress, u64>) -> u64 {
        if progress.is_over(cast) {
            return 1;
        }
        if let Some(count) = known.get(progress) {
            return *count;
        }
        let mut count = 0;
        for session in 0..cast.sessions() {
            if progress.next(cast, session).is_some() {
                let mut next = progress.clone();
                next.take(cast, session);
                count += onwards(cast, &next, known);
            }
        }
        known.insert(progress.clone(), count);
        count
    }
    onwards(cast, &Progress::of(cast), &mut HashMap::new())
}

type Past = [(usize, Step)];

/// Tells of a step that could come next whether to go that way.
type IsWanted<'a> = &'a dyn Fn(&Past, &Progress, (usize, Step)) -> bool;

fn schedules(cast: &Cast, wanted: IsWanted<'_>) -> Vec<Schedule> {
    let mut open = vec![(Vec::new(), Progress::of(cast))];
    let mut found = Vec::new();
    while let Some((past, progress)) = open.pop() {
        if progress.is_over(cast) {
            found.push(Schedule(past.iter().map(|(session, _)| *session).collect()));
            continue;
        }
        for session in 0..cast.sessions() {
            let Some(step) = progress.next(cast, session) else { continue };
            if wanted(&past, &progress, (session, step)) {
                let mut next = (past.clone(), progress.clone());
                next.0.push((session, step));
                next.1.take(cast, session);
                open.push(next);
            }
        }
    }
    found
}

/// False when the step could as well have come before one of a later letter.
fn comes_first(cast: &Cast, past: &Past, next: (usize, Step)) -> bool {
    past.iter().rev().take_while(|step| !cast.depend(**step, next)).all(|(session, _)| *session < next.0)
}

/// Of twins, the first one draws first.
fn leads_twins(cast: &Cast, progress: &Progress, (session, step): (usize, Step)) -> bool {
    let has_drawn = |twin: usize| progress.taken[twin] > 3;
    step != Step::DrawPosition || (0..session).all(|twin| !cast.are_twins(twin, session) || has_drawn(twin))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::fence::cast::{Log, Writer};

    fn one_writer() -> Cast {
        Cast::new(Log::Empty, [Writer::to(1)], 1)
    }

    #[test]
    fn one_writer_and_one_read_have_as_many_schedules_as_there_are_ways_to_mix_six_and_three() {
        assert_eq!(every_schedule(&one_writer()).len(), 84);
        assert_eq!(count(&one_writer()), 84);
    }

    #[test]
    fn a_writer_whose_stream_is_taken_takes_no_step_before_the_other_has_ended() {
        let cast = Cast::new(Log::Empty, [Writer::to(1), Writer::to(1)], 0);

        let schedules = every_schedule(&cast);

        // b may try at any of the five places between a's six steps or after them, and the other way round.
        assert_eq!(schedules.len(), 2 * 6);
        assert!(schedules.contains(&Schedule::named(&cast, "ab aaaaa bbbbb")));
    }

    /// Sorts a schedule into its class: the earliest letter that may come next, again and again.
    fn of_class(cast: &Cast, schedule: &Schedule) -> Schedule {
        let mut progress = Progress::of(cast);
        let mut left: Vec<(usize, Step)> = Vec::new();
        for session in &schedule.0 {
            left.push((*session, progress.next(cast, *session).expect("the schedule can be run")));
            progress.take(cast, *session);
        }
        let mut sorted = Vec::new();
        while !left.is_empty() {
            let free =
                (0..left.len()).filter(|i| !left[..*i].iter().any(|step| cast.depend(*step, left[*i])));
            let first = free.min_by_key(|i| left[*i].0).expect("the first one is free");
            sorted.push(left.remove(first).0);
        }
        Schedule(sorted)
    }

    #[test]
    fn every_schedule_belongs_to_a_class_that_is_run() {
        let same_stream = Cast::new(Log::Empty, [Writer::to(1), Writer::to(1).rolling_back()], 1);
        for cast in [one_writer(), same_stream] {
            let classes: HashSet<_> = one_schedule_of_each_class(&cast).into_iter().collect();

            let needed: HashSet<_> = every_schedule(&cast).iter().map(|s| of_class(&cast, s)).collect();

            assert_eq!(needed, classes);
        }
    }
}
