//! What was asked of whom, what was known then, and what was answered.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use annals::aggregates::{ExecuteError, Executed, Fault, HandleError, Loaded};
use annals::eventstore::Appended;

use super::model::Sum;
use super::vault::{Order, Short, Vault};

/// One sending of a command, and its answer.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) vault: u32,
    pub(super) order: Order,
    pub(super) known: Known,
    pub(super) answer: Answer,
}

/// What had been answered to anybody before the command was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// The highest version of the vault.
    pub(super) version: i64,
    /// Whether this very command had been accepted.
    pub(super) is_accepted: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Its events stand there, and this is the vault after them.
    Applied(Place, View),
    /// It was carried out before; its events stand there.
    AlreadyApplied(Place),
    /// Nothing is to be done on this vault.
    NothingToDo(View),
    Refused(Short),
    /// Others came first; nothing was written.
    Conflict,
    /// A machine failed or a mailbox was full; nothing was written.
    Untouched,
    /// Nobody knows.
    Unknown,
    /// An answer that nobody may get here.
    Odd(String),
}

/// The first and the last version of what a command led to.
pub(super) type Place = (i64, i64);

/// A vault, as an answer shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub(super) version: i64,
    pub(super) sum: Sum,
}

impl View {
    pub(super) fn of(loaded: &Loaded<Vault>) -> Self {
        let Vault { coins, digest } = loaded.state;
        Self { version: loaded.version.get(), sum: Sum { coins, digest } }
    }
}

impl Answer {
    pub(super) fn of(answer: Result<Executed<Vault>, ExecuteError<Short>>) -> Self {
        let place = |receipt: Appended| (receipt.from_version.get(), receipt.to_version.get());
        match answer {
            Ok(Executed::Applied { loaded, receipt, .. }) => Self::Applied(place(receipt), View::of(&loaded)),
            Ok(Executed::AlreadyApplied(receipt)) => Self::AlreadyApplied(place(receipt)),
            Ok(Executed::NothingToDo(loaded)) => Self::NothingToDo(View::of(&loaded)),
            Err(ExecuteError::Refused(short)) => Self::Refused(short),
            Err(ExecuteError::Conflict { .. }) => Self::Conflict,
            Err(ExecuteError::OutcomeUnknown { .. }) => Self::Unknown,
            Err(ExecuteError::Fault(fault)) if fault.is_transient() => Self::Untouched,
            Err(ExecuteError::Fault(Fault::Append(fault))) => Self::Odd(format!("{fault:?}")),
            odd => Self::Odd(format!("{odd:?}")),
        }
    }

    pub(super) fn of_handle(answer: Result<Executed<Vault>, HandleError<Short>>) -> Self {
        match answer {
            Ok(executed) => Self::of(Ok(executed)),
            Err(HandleError::Execute(error)) => Self::of(Err(error)),
            Err(HandleError::Busy { .. } | HandleError::ShutDown) => Self::Untouched,
            Err(HandleError::Lost { .. }) => Self::Unknown,
            Err(odd) => Self::Odd(format!("{odd:?}")),
        }
    }

    pub(super) fn is_accepted(&self) -> bool {
        matches!(self, Self::Applied(..) | Self::AlreadyApplied(_))
    }

    /// The version of the vault that the answer tells of.
    fn version(&self) -> i64 {
        match self {
            Self::Applied((_, last), _) | Self::AlreadyApplied((_, last)) => *last,
            Self::NothingToDo(view) => view.version,
            _ => 0,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Applied(..) => "accepted",
            Self::AlreadyApplied(_) => "repeats answered with the first result",
            Self::NothingToDo(_) => "nothing to do",
            Self::Refused(_) => "refused",
            Self::Conflict => "given up after conflicts",
            Self::Untouched => "not carried out",
            Self::Unknown => "outcomes unknown",
            Self::Odd(_) => "odd answers",
        }
    }
}

/// Everything that was asked and answered, and how often what happened.
#[derive(Debug, Default)]
pub(super) struct Record(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    attempts: Vec<Attempt>,
    versions: BTreeMap<u32, i64>,
    accepted: HashSet<u64>,
    times: BTreeMap<&'static str, u64>,
}

impl Record {
    /// Returns what is known right before a command is sent.
    pub(super) fn known(&self, vault: u32, order: Order) -> Known {
        let entries = self.entries();
        let version = entries.versions.get(&vault).copied().unwrap_or_default();
        Known { version, is_accepted: entries.accepted.contains(&order.number) }
    }

    /// Notes an answer.
    pub(super) fn note(&self, attempt: Attempt) {
        self.count(attempt.answer.name());
        let mut entries = self.entries();
        if attempt.answer.is_accepted() {
            entries.accepted.insert(attempt.order.number);
        }
        let version = entries.versions.entry(attempt.vault).or_default();
        *version = attempt.answer.version().max(*version);
        entries.attempts.push(attempt);
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        self.entries().attempts.clone()
    }

    pub(super) fn count(&self, what: &'static str) {
        *self.entries().times.entry(what).or_default() += 1;
    }

    pub(super) fn times(&self, what: &'static str) -> u64 {
        self.entries().times.get(what).copied().unwrap_or_default()
    }

    /// Every count, one line each.
    pub(super) fn lines(&self) -> String {
        self.entries().times.iter().map(|(what, times)| format!("  {times:>8}  {what}\n")).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().expect("nobody panics while noting")
    }
}
