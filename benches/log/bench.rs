//! What every measurement needs: the server, the options, and where to print.

use crate::options::Options;
use crate::report::Report;
use crate::server::BenchServer;

/// The benchmark as a whole.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) server: BenchServer,
    pub(crate) options: Options,
    pub(crate) report: Report,
}
