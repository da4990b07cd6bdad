//! What a program hosts.

use annals_projections::Runner;

use crate::pages::RunnerPages;

/// What a runner is to host.
pub(crate) struct Hosting {
    pub(crate) hosts: Vec<Host>,
    pub(crate) build: &'static str,
    pub(crate) pages: Option<Box<dyn RunnerPages>>,
}

/// Gives a runner one projection more.
pub(crate) type Host = Box<dyn FnOnce(Runner) -> Runner + Send>;
