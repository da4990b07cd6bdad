//! Hosting projections, and looking after them, from a command line.
//!
//! - [`projection`] is what operators do: `projection ls`, `show`, `pause`, `resume`, `rewind`, `reset`, `retry`, …
//! - [`cli`] is what command lines of Annals have in common: where the log is, how a verb writes, how it ends.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

pub mod cli;
pub mod projection;
