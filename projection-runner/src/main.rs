//! The binary `projection-runner`: hosts projections that are written in SQL alone (`run --projections DIR`).
//!
//! Whoever has projections in Rust hosts them in a program of their own, by [`annals_runner::Application`].

use std::process::ExitCode;

use annals_projection_runner::Pages;
use annals_runner::Application;

fn main() -> ExitCode {
    Application::new("projection-runner").build(env!("CARGO_PKG_VERSION")).pages(Pages::new()).main()
}
