//! The read models as a program that runs for ever: `cargo run --example bank run`, on as many machines as there are.

use annals_runner::Application;

use super::balances::Balances;
use super::log::find_database;

/// Returns the command line of whoever hosts the bank's read models, and looks after them.
pub fn application() -> Application {
    Application::new("bank")
        .build(env!("CARGO_PKG_VERSION"))
        .host(|| Balances::new().0)
        .database_otherwise(|| async { Ok(find_database().await?) })
}
