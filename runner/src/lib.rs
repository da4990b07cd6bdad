//! Hosting projections, and looking after them, from a command line.
//!
//! - [`Application`] makes a program that hosts projections, with the verbs `run`, `status` and `projection …`.
//! - [`projection`] is what operators do: `projection ls`, `show`, `pause`, `resume`, `rewind`, `reset`, `retry`, …
//! - [`cli`] is what command lines of Annals have in common: where the log is, how a verb writes, how it ends.
//!
//! Pages for those who keep it running, and the binary `projection-runner`, are in `annals-projection-runner`: HTTP is
//! built by those who ask for it.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

mod application;
pub mod cli;
mod hosting;
mod pages;
pub mod projection;
mod run;
mod signals;
mod status;

pub use application::Application;
pub use pages::{Opening, RunnerPages, ShownRunner};
