//! The pages, served from the time they are opened until they are dropped.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use annals_eventstore::PostgresStore;
use annals_projections::{Operator, RunnerHealth};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::answer::router;
use super::connections::serve;
use super::place::{HttpPlace, url_of};
use super::recorder;
use super::shown::{Shown, ShownRunner};
use crate::cli::{Exit, Failure, seconds};

/// Where the pages are, and what they are to say.
#[derive(Debug, Args)]
pub(crate) struct PagesArgs {
    /// Where to answer /livez, /readyz, /metrics and /projections: an address with a port (0 for a free one), or off.
    #[arg(long, value_name = "ADDRESS|off", env = "ANNALS_RUNNER_HTTP", default_value = "127.0.0.1:9100")]
    http: HttpPlace,
    /// Where others can ask it, for whoever looks at the list of runners; none for nowhere [default: its pages].
    #[arg(long, value_name = "URL|none", env = "ANNALS_RUNNER_ADDRESS")]
    address: Option<String>,
    /// By how many seconds the slots of this runner may be behind the log while it counts as ready.
    #[arg(long, value_name = "SECONDS", env = "ANNALS_RUNNER_READY_LAG", default_value = "60", value_parser = seconds)]
    ready_lag: Duration,
}

/// The pages of a runner.
#[derive(Debug)]
pub(crate) struct Pages {
    url: Option<String>,
    shown: Arc<Shown>,
    _serving: Option<AbortOnDropHandle<()>>,
}

impl Pages {
    /// Listens, installs a recorder of metrics, and answers from now on.
    pub(crate) async fn open(args: &PagesArgs) -> Result<Self, Failure> {
        let ready_lag = args.ready_lag;
        let HttpPlace::At(place) = &args.http else {
            let shown = Arc::new(Shown { runner: OnceLock::new(), metrics: None, ready_lag });
            return Ok(Self { url: None, shown, _serving: None });
        };
        let listener = TcpListener::bind(place).await.map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot listen on {place}: {error}"))
                .advise("give another address with --http, such as 127.0.0.1:0, or --http off")
        })?;
        let url = url_of(listener.local_addr().map_err(Failure::failed)?);
        let shown = Arc::new(Shown { runner: OnceLock::new(), metrics: recorder::install(), ready_lag });
        let serving = tokio::spawn(serve(listener, router(Arc::clone(&shown))));
        Ok(Self { url: Some(url), shown, _serving: Some(AbortOnDropHandle::new(serving)) })
    }

    /// Returns where they are.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Returns where others can ask the runner.
    pub(crate) fn address(&self, args: &PagesArgs) -> Option<String> {
        match args.address.as_deref() {
            Some("none") => None,
            Some(address) => Some(address.to_owned()),
            None => self.url.clone(),
        }
    }

    /// Shows a runner, which has started.
    pub(crate) fn show(&self, store: PostgresStore, operator: Operator, health: RunnerHealth) {
        // There is one runner in a process, and it starts once.
        let _ = self.shown.runner.set(ShownRunner { store, operator, health });
    }
}
