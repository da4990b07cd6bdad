//! `annals dev`: the private development server. `DATABASE_URL` plays no part in it.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::Command;

use annals_devdb::{Environment, Profile, Server, ServerState, ServerStatus, StopError, reset, status, stop};
use annals_runner::cli::{Exit, Failure, Format, Outcome, Output, say};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::target::{DEVELOPMENT_DATABASE, no_database, no_server};

/// The verbs of `annals dev`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Starts the server unless it runs, and prints the URL of its database.
    Start(ProfileArgs),
    /// Stops the servers; their data stays.
    Stop(ProfilesArgs),
    /// Lists the servers; exit code 3 when none runs.
    Status(StatusArgs),
    /// Starts the server unless it runs, and opens psql on its database.
    Psql(PsqlArgs),
    /// Stops the servers and throws their data away.
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    /// Which server: durable, or test (fsync off, shared by test runs).
    #[arg(long, default_value_t = Profile::Durable)]
    profile: Profile,
}

#[derive(Debug, Args)]
pub(crate) struct ProfilesArgs {
    /// Which server: durable or test [default: both].
    #[arg(long)]
    profile: Option<Profile>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    profiles: ProfilesArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct PsqlArgs {
    #[command(flatten)]
    profile: ProfileArgs,
    /// The database.
    #[arg(long, default_value = DEVELOPMENT_DATABASE)]
    database: String,
    /// What psql is told besides, such as -c 'select 1'.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    profiles: ProfilesArgs,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Runs one of the verbs.
pub(crate) async fn run(verb: Verb) -> Outcome {
    match verb {
        Verb::Start(args) => start(args.profile).await,
        Verb::Stop(args) => {
            let stopped = blocking(move || stop(&environment(), args.profile)).await?;
            tell("stopped", &stopped);
            Ok(())
        }
        Verb::Status(args) => list(args).await,
        Verb::Psql(args) => psql(args).await,
        Verb::Reset(args) => throw_away(args).await,
    }
}

/// The environment of our own servers: a server somebody else runs is none of them.
fn environment() -> Environment {
    Environment { database_url: None, ..Environment::read() }
}

async fn running(profile: Profile, database: &str) -> Result<Server, Failure> {
    let server = Server::shared_in(profile, &environment()).await.map_err(no_server)?;
    server.ensure_database(database).await.map_err(no_database)?;
    Ok(server)
}

async fn start(profile: Profile) -> Outcome {
    let server = running(profile, DEVELOPMENT_DATABASE).await?;
    let mut output = Output::plain();
    output.text(&format!("{}\n", server.url(DEVELOPMENT_DATABASE)))?;
    output.flush()
}

/// Runs what blocks beside the runtime, so that Ctrl-C is heard.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StopError> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(Failure::failed)?.map_err(Failure::failed)
}

fn tell(what: &str, servers: &[ServerStatus]) {
    for server in servers {
        say(format_args!("{what} the {} server in {}", server.profile, server.folder.display()));
    }
    if servers.is_empty() {
        say(format_args!("no server was there to be {what}"));
    }
}

#[derive(Debug, Serialize)]
struct ServerRow {
    profile: String,
    state: &'static str,
    version: Option<String>,
    pid: Option<u32>,
    url: Option<String>,
    folder: PathBuf,
    log: PathBuf,
}

impl ServerRow {
    fn of(server: &ServerStatus) -> Self {
        Self {
            profile: server.profile.to_string(),
            state: match server.state {
                ServerState::Running => "running",
                ServerState::Stopped => "stopped",
                _ => "busy",
            },
            version: server.version.map(|version| version.to_string()),
            pid: server.pid,
            url: server.url.clone(),
            folder: server.folder.clone(),
            log: server.log.clone(),
        }
    }
}

async fn list(args: StatusArgs) -> Outcome {
    let servers = blocking(move || Ok(status(&environment(), args.profiles.profile))).await?;
    let rows: Vec<ServerRow> = servers.iter().map(ServerRow::of).collect();
    let mut output = Output::new(args.format);
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    if !rows.is_empty() || args.format.json {
        output.list(&["profile", "state", "version", "pid", "url"], &rows, |row| {
            let pid = or_none(row.pid.map(|pid| pid.to_string()));
            vec![
                row.profile.clone(),
                row.state.to_owned(),
                or_none(row.version.clone()),
                pid,
                or_none(row.url.clone()),
            ]
        })?;
    }
    output.flush()?;
    if servers.iter().any(|server| server.state == ServerState::Running) {
        return Ok(());
    }
    Err(Failure::new(Exit::NotFound, "no development server runs").advise("`annals dev start` starts one"))
}

async fn psql(args: PsqlArgs) -> Outcome {
    let server = running(args.profile.profile, &args.database).await?;
    let beside = server.binaries().and_then(|binaries| binaries.program("psql"));
    let program = beside.unwrap_or_else(|| PathBuf::from("psql"));
    let mut command = Command::new(&program);
    command.arg(server.url(&args.database)).args(args.arguments);
    // Only comes back when it failed.
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    let advice = "install PostgreSQL's client programs (Debian: apt-get install postgresql-client)";
    Err(Failure::failed(format!("cannot run {}: {error}", program.display())).advise(advice))
}

async fn throw_away(args: ResetArgs) -> Outcome {
    let profile = args.profiles.profile;
    let found = blocking(move || Ok(status(&environment(), profile))).await?;
    if !found.is_empty() && !args.yes {
        let folders: Vec<String> = found.iter().map(|server| server.folder.display().to_string()).collect();
        confirm(format!("throw away all data in {}?", folders.join(" and "))).await?;
    }
    let removed = blocking(move || reset(&environment(), profile)).await?;
    tell("reset", &removed);
    Ok(())
}

/// Asks the person at the terminal; who is no person has to say --yes.
async fn confirm(question: String) -> Outcome {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to be asked").advise("say --yes to throw the data away"));
    }
    let answer = tokio::task::spawn_blocking(move || {
        let _ = write!(std::io::stderr(), "annals: {question} [y/N] ");
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.map_err(Failure::failed)?.map_err(Failure::failed)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was thrown away")),
    }
}
