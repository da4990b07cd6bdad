//! A database for the binary to work on, and the binary itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use annals_devdb::{Profile, Server, Template, TestDatabase, TestFailure, TestResult};
use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{MigrateError, SchemaName, connect, migrate, migrations_fingerprint};
use serde_json::Value;
use tokio_postgres::Client;

/// How long anything may take before the test counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Variables that would tell the binary something else than the test does.
const UNSET: [&str; 9] = [
    "ANNALS_LOG",
    "ANNALS_POOLER",
    "ANNALS_READ_MODELS_URL",
    "ANNALS_SCHEMA",
    "DATABASE_DIRECT_URL",
    "DATABASE_URL",
    "NO_COLOR",
    "PGPASSWORD",
    "RUST_LOG",
];

/// Returns the binary with a clean environment.
pub(crate) fn annals(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_annals"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    UNSET.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

/// What a finished run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<Run, TestFailure> {
    let output = command.output()?;
    Ok(Run {
        code: output.status.code().ok_or("the run was ended by a signal")?,
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

impl Run {
    /// Checks the exit code; what was said is shown when it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Returns standard output as one JSON value a line.
    pub(crate) fn json(&self) -> Result<Vec<Value>, TestFailure> {
        Ok(self.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }
}

/// A database with an empty log, and the binary told to use it.
pub(crate) struct Log {
    database: TestDatabase,
}

impl Log {
    /// Makes a database as a copy of a migrated one.
    pub(crate) async fn fresh() -> Result<Self, TestFailure> {
        Self::on(Profile::Test).await
    }

    /// As [`Log::fresh`], on a server that keeps what it was given.
    pub(crate) async fn durable() -> Result<Self, TestFailure> {
        Self::on(Profile::Durable).await
    }

    async fn on(profile: Profile) -> Result<Self, TestFailure> {
        let template = Template::new("log", &migrations_fingerprint());
        let setup = |url: String| async move {
            let options = url.parse().map_err(Box::<dyn std::error::Error + Send + Sync>::from)?;
            migrate(&options, &SchemaName::default()).await.map_err(Box::<MigrateError>::new)?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        let server = Server::shared(profile).await?;
        Ok(Self { database: TestDatabase::create_on(&server, &template, setup).await? })
    }

    /// Makes a database without a log.
    pub(crate) async fn absent() -> Result<Self, TestFailure> {
        Ok(Self { database: TestDatabase::empty().await? })
    }

    /// Makes a database without a log on a server that keeps what it was given.
    pub(crate) async fn absent_on_durable() -> Result<Self, TestFailure> {
        Ok(Self { database: TestDatabase::empty_on(&Server::shared(Profile::Durable).await?).await? })
    }

    /// Makes a role that logs in, appends and reads, with a setting of its own.
    pub(crate) async fn login(&self, setting: &str) -> Result<Login, TestFailure> {
        const PASSWORD: &str = "of-no-use";
        let owner = self.session().await?;
        // Roles belong to the whole server; this one to this test.
        let name = format!("login_{}", uuid::Uuid::now_v7().simple());
        let make = format!(
            "create role {name} login password '{PASSWORD}';
             grant annals_appender, annals_reader to {name};
             alter role {name} set {setting}"
        );
        owner.batch_execute(&make).await?;
        let (scheme, rest) = self.url().split_once("://").ok_or("the test server has a URL")?;
        let place = rest.split_once('@').map_or(rest, |(_, place)| place);
        let owner = self.url().to_owned();
        Ok(Login { url: format!("{scheme}://{name}:{PASSWORD}@{place}"), name, owner })
    }

    /// Opens a session as the owner of the log.
    pub(crate) async fn session(&self) -> Result<Client, TestFailure> {
        Ok(connect(&self.url().parse()?).await?.into_client())
    }

    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }

    /// Opens the log in this process.
    pub(crate) async fn store(&self) -> Result<PostgresStore, TestFailure> {
        Ok(PostgresStore::connect(self.url()).await?)
    }

    /// Returns the binary, told to use this database.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = annals(arguments);
        command.env("DATABASE_URL", self.url());
        command
    }

    /// Runs the binary on this database.
    pub(crate) fn annals(&self, arguments: &[&str]) -> Result<Run, TestFailure> {
        run(&mut self.command(arguments))
    }

    /// Runs the binary with something on standard input.
    pub(crate) fn annals_reading(&self, arguments: &[&str], input: &str) -> Result<Run, TestFailure> {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn()?;
        child.stdin.take().ok_or("no standard input")?.write_all(input.as_bytes())?;
        let mut running = Running::of(child);
        Ok(Run { code: running.wait()?, stdout: running.rest_of_stdout(), stderr: running.rest_of_stderr() })
    }

    /// Starts the binary on this database.
    pub(crate) fn start(&self, arguments: &[&str]) -> Result<Running, TestFailure> {
        Ok(Running::of(self.command(arguments).spawn()?))
    }
}

/// A role that logs in, of one test.
pub(crate) struct Login {
    name: String,
    url: String,
    /// The connection string of whoever made it.
    owner: String,
}

impl Login {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Removes the role.
    pub(crate) async fn drop(self) -> TestResult {
        let Self { name, owner, .. } = self;
        let owner = connect(&owner.parse()?).await?.into_client();
        Ok(owner.batch_execute(&format!("drop owned by {name}; drop role {name}")).await?)
    }
}

/// Waits until nobody but some roles is connected to the database of a session: sessions end a moment after their
/// clients.
pub(crate) async fn until_only(observer: &Client, roles: &[&str]) -> TestResult {
    let sql = "select count(*) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid() and usename <> all ($1)";
    while observer.query_one(sql, &[&roles]).await?.get::<_, i64>(0) > 0 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// A run that goes on; it is killed when the test ends before it.
pub(crate) struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Receiver<String>,
}

impl Running {
    fn of(mut child: Child) -> Self {
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = lines_of(child.stderr.take().expect("standard error is a pipe"));
        Self { child, stdout, stderr }
    }

    /// Waits for a line on standard error that holds a text.
    pub(crate) fn says(&self, text: &str) -> Result<(), TestFailure> {
        while !self.stderr.recv_timeout(PATIENCE)?.contains(text) {}
        Ok(())
    }

    /// Waits for one line on standard output.
    pub(crate) fn line(&mut self) -> Result<String, TestFailure> {
        let mut stdout = self.stdout.take().ok_or("standard output was closed")?;
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            sender.send((read.map(|_| line), stdout))
        });
        let (line, stdout) = receiver.recv_timeout(PATIENCE)?;
        self.stdout = Some(stdout);
        Ok(line?)
    }

    /// Stops reading standard output, as `head` does when it has enough.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Sends what Ctrl-C sends.
    pub(crate) fn interrupt(&self) -> Result<(), TestFailure> {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err("the signal was not sent".into()) }
    }

    /// Waits for the end and returns the exit code.
    pub(crate) fn wait(&mut self) -> Result<i32, TestFailure> {
        let (sender, receiver) = channel::<()>();
        let pid = self.child.id().to_string();
        let watchdog = thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE).is_err() {
                let _ = Command::new("kill").args(["-KILL", &pid]).status();
            }
        });
        let status = self.child.wait()?;
        let _ = sender.send(());
        let _ = watchdog.join();
        Ok(status.code().ok_or("the run did not end by itself")?)
    }

    pub(crate) fn rest_of_stdout(&mut self) -> String {
        let mut rest = String::new();
        if let Some(stdout) = &mut self.stdout {
            stdout.read_to_string(&mut rest).expect("standard output is UTF-8");
        }
        rest
    }

    /// Returns what was said on standard error and not waited for.
    pub(crate) fn rest_of_stderr(&self) -> String {
        self.stderr.iter().collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line + "\n").is_err() {
                return;
            }
        }
    });
    receiver
}
