//! Who takes part in a schedule, and the steps each of them takes.

/// What the log holds when the writers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    Empty,
    WithEvents,
}

/// How a writer's transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Commit,
    RollBack,
}

/// What a writer's session or transaction did before it appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// The session's setting says that another transaction entered this log's fence.
    SettingLeftBehind,
    /// The session's setting is no list of marks at all.
    SettingWithoutMeaning,
    /// The transaction appended to another log of the same database, and entered that one's fence.
    AppendToAnotherLog,
    /// The transaction appended to another stream of this log.
    AppendToAnotherStream,
    /// The transaction appended to this log, and took it back by a savepoint.
    SavepointRolledBack,
}

impl Before {
    /// True when a position of this log was drawn.
    fn draws(self) -> bool {
        matches!(self, Self::AppendToAnotherStream | Self::SavepointRolledBack)
    }
}

/// Which function a writer calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// The one for every append.
    Append,
    /// The one for an event that comes alone, and first in its transaction.
    AppendEvent,
    /// The same, for an event that begins a stream.
    AppendFirstEvent,
}

/// One append in a transaction of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Writer {
    /// Writers of the same number write to the same stream.
    pub(super) stream: usize,
    pub(super) ending: Ending,
    pub(super) before: Before,
    pub(super) call: Call,
}

impl Writer {
    /// A writer that commits.
    pub(super) const fn to(stream: usize) -> Self {
        Self { stream, ending: Ending::Commit, before: Before::Nothing, call: Call::Append }
    }

    /// A writer of an event that comes alone.
    pub(super) const fn of_one_event(self) -> Self {
        Self { call: Call::AppendEvent, ..self }
    }

    /// A writer that begins its stream with an event that comes alone.
    pub(super) const fn of_a_first_event(self) -> Self {
        Self { call: Call::AppendFirstEvent, ..self }
    }

    pub(super) const fn rolling_back(self) -> Self {
        Self { ending: Ending::RollBack, ..self }
    }

    pub(super) const fn after(self, before: Before) -> Self {
        Self { before, ..self }
    }
}

/// Writers, one reader that reads once or more, and the log they meet at.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    pub(super) log: Log,
    pub(super) writers: Vec<Writer>,
    pub(super) reads: usize,
}

/// The steps of a writer, then of a reader. A session goes from each stop to the next one in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    LockStream,
    ReadLastDrawn,
    LeaveMark,
    DrawPosition,
    Insert,
    End,
    AskLastDrawn,
    AskMarks,
    AskRows,
}

const OF_WRITER: [Step; 6] =
    [Step::LockStream, Step::ReadLastDrawn, Step::LeaveMark, Step::DrawPosition, Step::Insert, Step::End];

const OF_READER: [Step; 3] = [Step::AskLastDrawn, Step::AskMarks, Step::AskRows];

impl Cast {
    pub(super) fn new(log: Log, writers: impl Into<Vec<Writer>>, reads: usize) -> Self {
        Self { log, writers: writers.into(), reads }
    }

    /// Every way in which the writers of this cast can end, each as a cast.
    ///
    /// Of two writers that differ in nothing else only one order is kept: the first ones roll back.
    pub(super) fn with_every_ending(&self) -> Vec<Self> {
        let mut casts = vec![self.clone()];
        for writer in 0..self.writers.len() {
            let rolling_back = casts.clone().into_iter().map(|mut cast| {
                cast.writers[writer] = cast.writers[writer].rolling_back();
                cast
            });
            casts.extend(rolling_back.collect::<Vec<_>>());
        }
        casts.retain(|cast| {
            let twins = |i: usize, j: usize| {
                let same = self.are_twins(i, j);
                same && cast.writers[i].ending == Ending::Commit && cast.writers[j].ending == Ending::RollBack
            };
            let count = cast.writers.len();
            !(0..count).any(|j| (0..j).any(|i| twins(i, j)))
        });
        casts
    }

    /// True when the two writers could change their roles and nobody would notice.
    pub(super) fn are_twins(&self, one: usize, other: usize) -> bool {
        let alone = |writer: usize| {
            let stream = self.writers[writer].stream;
            self.writers.iter().filter(|w| w.stream == stream).count() == 1
        };
        let (a, b) = (self.writers[one], self.writers[other]);
        let same_stream = a.stream == b.stream || alone(one) && alone(other);
        same_stream && a.ending == b.ending && a.before == b.before && a.call == b.call
    }

    /// The number of sessions: the writers and, last, the reader.
    pub(super) fn sessions(&self) -> usize {
        self.writers.len() + 1
    }

    /// The number of steps that a session takes.
    pub(super) fn steps(&self, session: usize) -> usize {
        if session < self.writers.len() { OF_WRITER.len() } else { OF_READER.len() * self.reads }
    }

    /// A session's step, counted from 0.
    pub(super) fn step(&self, session: usize, number: usize) -> Step {
        if session < self.writers.len() { OF_WRITER[number] } else { OF_READER[number % OF_READER.len()] }
    }

    /// True unless two neighbouring steps can change places without anybody noticing.
    pub(super) fn depend(&self, (one, a): (usize, Step), (other, b): (usize, Step)) -> bool {
        if one == other {
            return true;
        }
        match (self.writers.get(one), self.writers.get(other)) {
            (Some(first), Some(second)) => {
                touches_stream(a, b) && first.stream == second.stream
                    || touches_sequence(a, first.before, b, second.before)
            }
            (Some(writer), None) => is_seen(*writer, a, b),
            (None, Some(writer)) => is_seen(*writer, b, a),
            (None, None) => true,
        }
    }
}

/// One writer's end lets the next one of the same stream go on, and the first to lock goes first.
fn touches_stream(a: Step, b: Step) -> bool {
    a == Step::End || b == Step::End || (a, b) == (Step::LockStream, Step::LockStream)
}

/// Who draws changes what the others draw and read; two who only read do not.
fn touches_sequence(a: Step, a_before: Before, b: Step, b_before: Before) -> bool {
    let draws =
        |step, before: Before| step == Step::DrawPosition || step == Step::LockStream && before.draws();
    let uses = |step, before| draws(step, before) || step == Step::ReadLastDrawn;
    draws(a, a_before) && uses(b, b_before) || uses(a, a_before) && draws(b, b_before)
}

/// Whether a reader's step can tell if a writer's step came before it.
fn is_seen(writer: Writer, step: Step, read: Step) -> bool {
    if step == Step::LockStream && writer.before.draws() {
        return matches!(read, Step::AskLastDrawn | Step::AskMarks);
    }
    match step {
        Step::DrawPosition => read == Step::AskLastDrawn,
        Step::LeaveMark => read == Step::AskMarks,
        Step::End => read == Step::AskMarks || read == Step::AskRows && writer.ending == Ending::Commit,
        _ => false,
    }
}
