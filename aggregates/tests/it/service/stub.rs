//! Someone who carries out commands as a script says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use annals_aggregates::service::{
    CarriesOut, Command, CommandError, CommandId, CommandService, CommandServiceOptions, Keyed,
};
use annals_aggregates::{ExecuteError, Executed, Fault, HandleError, Loaded};
use annals_eventstore::{AppendError, StreamName};
use tokio::sync::Semaphore;

use crate::jar::{Jar, JarCommand, JarRefusal, jar_1};

pub(super) type Answer = Result<Executed<Jar>, HandleError<JarRefusal>>;

/// What is done about one command.
pub(super) enum Does {
    /// Answers.
    Answers(Answer),
    /// Answers when it is let.
    Waits(Answer),
    /// Has begun and never answers.
    Hangs,
    /// Takes the command, does not say that it has begun, and never answers.
    TakesAndHangs,
    /// Never begins.
    NeverBegins,
}

/// Carries out one command after another as the script says, and those behind it with nothing to do.
#[derive(Clone)]
pub(super) struct Stub {
    script: Arc<Mutex<VecDeque<Does>>>,
    came: Arc<Semaphore>,
    let_go: Arc<Semaphore>,
    calls: Arc<AtomicUsize>,
}

impl Stub {
    pub(super) fn with(script: impl IntoIterator<Item = Does>) -> Self {
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let (came, let_go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        Self { script, came, let_go, calls: Arc::default() }
    }

    /// A command service before it.
    pub(super) fn service(&self, options: CommandServiceOptions) -> CommandService<Jar> {
        CommandService::new(self.clone(), options).expect("the options are good")
    }

    pub(super) fn then(&self, script: impl IntoIterator<Item = Does>) {
        self.script.lock().expect("the script").extend(script);
    }

    /// How many commands have come so far.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits until so many more commands have come that do not answer at once.
    pub(super) async fn until_waiting(&self, commands: u32) {
        self.came.acquire_many(commands).await.expect("nobody closes it").forget();
    }

    /// Lets so many of those that wait answer, the first ones first.
    pub(super) fn let_go(&self, commands: usize) {
        self.let_go.add_permits(commands);
    }
}

impl CarriesOut<Jar> for Stub {
    async fn carry_out(&self, keyed: Keyed<Jar>) -> Answer {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let does = self.script.lock().expect("the script").pop_front();
        match does.unwrap_or_else(|| Does::Answers(nothing_to_do())) {
            Does::Answers(answer) => {
                keyed.begin();
                answer
            }
            Does::Waits(answer) => {
                keyed.begin();
                self.came.add_permits(1);
                self.let_go.acquire().await.expect("nobody closes it").forget();
                answer
            }
            Does::Hangs => {
                keyed.begin();
                self.came.add_permits(1);
                std::future::pending().await
            }
            Does::TakesAndHangs => {
                let _command = keyed.into_parts();
                self.came.add_permits(1);
                std::future::pending().await
            }
            Does::NeverBegins => {
                self.came.add_permits(1);
                std::future::pending().await
            }
        }
    }

    async fn finish(&self) {}
}

#[expect(clippy::unnecessary_wraps, reason = "it stands in a script beside errors")]
pub(super) fn nothing_to_do() -> Answer {
    Ok(Executed::NothingToDo(Loaded::default()))
}

pub(super) fn refused() -> Answer {
    Err(ExecuteError::Refused(JarRefusal::NotEnough { coins: 0, wanted: 1 }).into())
}

pub(super) fn in_conflict() -> Answer {
    let source = AppendError::StreamNotFound(jar_1());
    Err(ExecuteError::Conflict { stream: jar_1(), attempts: 10, source }.into())
}

pub(super) fn malformed() -> Answer {
    Err(ExecuteError::Fault(Fault::Append(AppendError::Malformed("an event".to_owned()))).into())
}

pub(super) fn unreachable() -> Answer {
    let down = AppendError::Unavailable("connection refused".into());
    Err(ExecuteError::Fault(Fault::Append(down)).into())
}

pub(super) fn unknown() -> Answer {
    let source = AppendError::OutcomeUnknown(jar_1(), "connection reset".into());
    Err(ExecuteError::OutcomeUnknown { stream: jar_1(), sends: 4, source }.into())
}

pub(super) fn busy() -> Answer {
    let stream: StreamName = jar_1();
    Err(HandleError::Busy { stream, commands: 1 })
}

pub(super) type Told = Result<Executed<Jar>, CommandError<JarRefusal>>;

/// A command to jar 1, of no importance.
pub(super) fn command() -> Command<Jar> {
    Command::new(1, JarCommand::Put(1), CommandId::new())
}

/// Sends a command from a task of its own.
pub(super) fn sent(service: &CommandService<Jar>) -> tokio::task::JoinHandle<Told> {
    let service = service.clone();
    tokio::spawn(async move { service.execute(command()).await })
}
