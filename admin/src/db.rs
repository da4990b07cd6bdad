//! `annals db`: the schema of the log.

use annals_eventstore::postgres::{SchemaStatus, migrate, migration_script, schema_status};
use annals_runner::cli::{Format, Outcome, Output, say};
use clap::Subcommand;
use serde::Serialize;

use crate::index;
use crate::repair::{self, RepairArgs};
use crate::roles::{self, RolesArgs};
use crate::target::TargetArgs;

/// The verbs of `annals db`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Creates the schema, or brings it up to date. All or nothing; running it again changes nothing.
    Migrate {
        /// Print the whole schema as SQL instead, and touch no database.
        #[arg(long)]
        print: bool,
    },
    /// Tells how far the schema is migrated; exit code 6 when this program cannot work with it, 5 when the log needs repair.
    Status(Format),
    /// Indexes that the log can do without: filtered reads are faster with them, appends slower.
    #[command(subcommand)]
    Index(index::Verb),
    /// Makes a log sound again after a restore or a failover, and another one: until then it takes no event.
    Repair(RepairArgs),
    /// Prints the SQL for the roles of the log: an owner, and for everybody else the least that they need.
    Roles(RolesArgs),
}

/// Runs one of the verbs.
pub(crate) async fn run(verb: Verb, target: &TargetArgs) -> Outcome {
    match verb {
        Verb::Migrate { print: true } => print_script(target),
        Verb::Migrate { print: false } => bring_up_to_date(target).await,
        Verb::Status(format) => status(format, target).await,
        Verb::Index(verb) => index::run(verb, target).await,
        Verb::Repair(args) => repair::run(args, target).await,
        Verb::Roles(args) => roles::run(args, target).await,
    }
}

fn print_script(target: &TargetArgs) -> Outcome {
    let mut output = Output::plain();
    output.text(&migration_script(&target.schema()?))?;
    output.flush()
}

async fn bring_up_to_date(target: &TargetArgs) -> Outcome {
    let schema = target.schema()?;
    let report = migrate(&target.connect_options().await?, &schema).await?;
    for migration in &report.applied {
        say(format_args!("applied {} {} ({})", migration.component, migration.number, migration.name));
    }
    say(match report.applied.len() {
        0 => format!("schema {schema} was up to date"),
        _ => format!("schema {schema} is up to date"),
    });
    repair::require_sound(target).await
}

#[derive(Debug, Serialize)]
struct StatusRow {
    schema: String,
    component: &'static str,
    installed: i32,
    known: i32,
}

async fn status(format: Format, target: &TargetArgs) -> Outcome {
    let SchemaStatus { schema, components, fault, .. } =
        schema_status(&target.connect_options().await?, &target.schema()?).await?;
    let rows: Vec<StatusRow> = components
        .iter()
        .map(|each| StatusRow {
            schema: schema.to_string(),
            component: each.component,
            installed: each.installed,
            known: each.known,
        })
        .collect();
    let mut output = Output::new(format);
    output.list(&["schema", "component", "installed", "known"], &rows, |row| {
        vec![row.schema.clone(), row.component.to_owned(), row.installed.to_string(), row.known.to_string()]
    })?;
    output.flush()?;
    match fault {
        None => repair::require_sound(target).await,
        Some(fault) => Err(fault.into()),
    }
}
