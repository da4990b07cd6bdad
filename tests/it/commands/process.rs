//! A program that takes commands, as far as it can die: a runtime of its own, and everything that lives in it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use annals::aggregates::{
    CacheOptions, Context, ExecuteOptions, HandleOptions, Handles, Repository, SnapshotPolicy,
};
use annals::eventstore::PostgresStore;
use annals_devdb::TestFailure;
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use super::record::{Answer, Record};
use super::vault::{Order, Vault};
use super::watched::Watched;
use crate::support::DoomedServer;

/// How long a vault that is asked nothing stays in memory: hardly at all.
const IDLE: Duration = Duration::from_millis(2);

/// How many events stand behind a snapshot.
const SNAPSHOT_EVERY: u64 = 5;

/// The way a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Handle,
    /// As [`Route::Handle`], and refused where the mailbox is full.
    TryHandle,
    Repository,
    Cache,
}

impl Route {
    pub(super) const ALL: [Self; 4] = [Self::Handle, Self::TryHandle, Self::Repository, Self::Cache];
}

pub(super) struct Process {
    runtime: Mutex<Option<Runtime>>,
    inside: Handle,
    repository: Repository<Vault, Watched>,
    cached: Repository<Vault, Watched>,
    handles: Handles<Vault, Watched>,
}

impl Process {
    /// Starts one, with a store of its own.
    pub(super) async fn start(server: &DoomedServer, record: &Arc<Record>) -> Result<Self, TestFailure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let inside = runtime.handle().clone();
        let runtime = Mutex::new(Some(runtime));
        let config = server.config()?;
        let log = inside.spawn(PostgresStore::open(config)).await??;
        let repository = Repository::new(Watched::new(log, Arc::clone(record)))
            .with_snapshots(SnapshotPolicy::every(SNAPSHOT_EVERY).keeping(2));
        let cached = repository.clone().with_cache(CacheOptions::default());
        let options = HandleOptions { mailbox_commands: 4, idle: IDLE, ..HandleOptions::default() };
        let handles = Handles::new(repository.clone(), options);
        inside.spawn(count_passivations(handles.clone(), Arc::clone(record)));
        Ok(Self { runtime, inside, repository, cached, handles })
    }

    /// Sends a command. The task is gone where the process dies before it has an answer.
    pub(super) fn send(
        &self,
        route: Route,
        vault: u32,
        order: Order,
        options: ExecuteOptions,
    ) -> JoinHandle<Answer> {
        let (handles, repository) = (self.handles.clone(), self.repository.clone());
        let repository = if route == Route::Cache { self.cached.clone() } else { repository };
        self.inside.spawn(async move {
            let context = Context::new();
            match route {
                Route::Handle => {
                    Answer::of_handle(handles.execute_with(&vault, order, &context, options).await)
                }
                Route::TryHandle => {
                    Answer::of_handle(handles.try_execute_with(&vault, order, &context, options).await)
                }
                Route::Repository | Route::Cache => {
                    Answer::of(repository.execute_with(&vault, order, &context, options).await)
                }
            }
        })
    }

    /// Ends it where it stands: no task of it goes on, and no connection is closed in order.
    pub(super) fn kill(&self) {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        runtime.into_iter().for_each(Runtime::shutdown_background);
    }

    /// Ends it in an orderly way.
    pub(super) async fn shut_down(&self) -> Result<(), TestFailure> {
        let (handles, log) = (self.handles.clone(), self.repository.store().log.clone());
        let end = async move {
            handles.shut_down().await;
            log.close().await;
        };
        self.inside.spawn(end).await?;
        self.kill();
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A runtime that is dropped among tasks would panic.
        self.kill();
    }
}

/// Looks every millisecond how many vaults are in memory, and counts how many have left.
async fn count_passivations(handles: Handles<Vault, Watched>, record: Arc<Record>) {
    let mut before = 0;
    loop {
        let live = handles.live();
        (live..before).for_each(|_| record.count("vaults let go of"));
        before = live;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
