//! `annals db roles`: the roles of a log with the least rights.

use annals_eventstore::postgres::{RolePrefix, apply_roles, roles_script};
use annals_runner::cli::{Outcome, Output, say};
use clap::Args;

use crate::target::TargetArgs;

/// What `annals db roles` is told.
#[derive(Debug, Args)]
pub(crate) struct RolesArgs {
    /// What the roles' names begin with [default: the name of the schema].
    #[arg(long, value_name = "NAME")]
    prefix: Option<RolePrefix>,
    /// Make the roles instead of printing the SQL. Running it again changes nothing.
    #[arg(long)]
    apply: bool,
}

/// Prints the SQL that makes the roles, or makes them.
pub(crate) async fn run(args: RolesArgs, target: &TargetArgs) -> Outcome {
    let schema = target.schema()?;
    let prefix = args.prefix.unwrap_or_else(|| RolePrefix::from(&schema));
    if args.apply {
        apply_roles(&target.connect_options().await?, &schema, &prefix).await?;
        say(format_args!(
            "roles {prefix}_owner, _appender, _reader, _projector, _operator and _scrubber are there"
        ));
        return Ok(());
    }
    let mut output = Output::plain();
    output.text(&roles_script(&schema, &prefix))?;
    output.flush()
}
