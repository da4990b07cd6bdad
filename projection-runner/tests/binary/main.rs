//! The binary `projection-runner` as those see it who deploy it: a process with arguments, signals, pages and an exit code.

mod deploying;
mod hosting;
mod limits;
mod metrics;
mod pages;
mod refusals;
mod support;
mod walk_through;
