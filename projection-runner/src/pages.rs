//! The pages, served from the time they are opened until they are dropped.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use annals_runner::cli::{Exit, Failure, seconds};
use annals_runner::{Opening, RunnerPages, ShownRunner};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::answer::router;
use crate::connections::serve;
use crate::place::{HttpPlace, url_of};
use crate::recorder;
use crate::shown::Shown;

/// The pages of a runner, over HTTP.
///
/// # Examples
///
/// ```no_run
/// use annals_projection_runner::Pages;
/// use annals_runner::Application;
///
/// fn main() -> std::process::ExitCode {
///     Application::new("shop").pages(Pages::new()).main()
/// }
/// ```
#[derive(Debug, Default)]
pub struct Pages(Option<Served>);

/// Pages that answer.
#[derive(Debug)]
struct Served {
    url: String,
    shown: Arc<Shown>,
    _serving: AbortOnDropHandle<()>,
}

/// Where the pages are, and what they are to say.
#[derive(Debug, Args)]
struct PagesArgs {
    /// Where to answer /livez, /readyz, /metrics and /projections: an address with a port (0 for a free one), or off.
    #[arg(long, value_name = "ADDRESS|off", env = "ANNALS_RUNNER_HTTP", default_value = "127.0.0.1:9100")]
    http: HttpPlace,
    /// By how many seconds the slots of this runner may be behind the log while it counts as ready.
    #[arg(long, value_name = "SECONDS", env = "ANNALS_RUNNER_READY_LAG", default_value = "60", value_parser = seconds)]
    ready_lag: Duration,
}

impl Pages {
    /// Makes pages that are nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl RunnerPages for Pages {
    fn flags(&self, run: Command) -> Command {
        PagesArgs::augment_args(run)
    }

    /// Listens, installs a recorder of metrics, and answers from now on.
    fn open<'a>(&'a mut self, flags: &'a ArgMatches) -> Opening<'a> {
        Box::pin(async {
            let PagesArgs { http, ready_lag } = PagesArgs::from_arg_matches(flags).map_err(Failure::usage)?;
            if let HttpPlace::At(place) = http {
                self.0 = Some(Served::at(&place, ready_lag).await?);
            }
            Ok(())
        })
    }

    fn url(&self) -> Option<&str> {
        self.0.as_ref().map(|served| served.url.as_str())
    }

    fn show(&self, runner: ShownRunner) {
        if let Some(served) = &self.0 {
            // There is one runner in a process, and it starts once.
            let _ = served.shown.runner.set(runner);
        }
    }
}

impl Served {
    async fn at(place: &str, ready_lag: Duration) -> Result<Self, Failure> {
        let listener = TcpListener::bind(place).await.map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot listen on {place}: {error}"))
                .advise("give another address with --http, such as 127.0.0.1:0, or --http off")
        })?;
        let url = url_of(listener.local_addr().map_err(Failure::failed)?);
        let shown = Arc::new(Shown { runner: OnceLock::new(), metrics: recorder::install(), ready_lag });
        let serving = tokio::spawn(serve(listener, router(Arc::clone(&shown))));
        Ok(Self { url, shown, _serving: AbortOnDropHandle::new(serving) })
    }
}
