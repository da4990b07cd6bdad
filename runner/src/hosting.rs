//! What a program hosts.

use annals_projections::Runner;

/// What a runner is to host.
pub(crate) struct Hosting {
    pub(crate) hosts: Vec<Host>,
    pub(crate) build: &'static str,
}

/// Gives a runner one projection more.
pub(crate) type Host = Box<dyn FnOnce(Runner) -> Runner + Send>;
