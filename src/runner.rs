//! The command line of a program that hosts projections, and the pages of its runner.

pub use annals_projection_runner::Pages;
pub use annals_runner::{Application, Opening, RunnerPages, ShownRunner, cli, projection};
