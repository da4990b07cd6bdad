//! The binary as a process.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use annals_devdb::{TestFailure, TestResult};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::SOON;

/// Variables that would tell the binary something else than the test does.
const UNSET: [&str; 16] = [
    "ANNALS_LOG",
    "ANNALS_POOLER",
    "ANNALS_PROJECTIONS",
    "ANNALS_READ_MODELS_URL",
    "ANNALS_RUNNER_ADDRESS",
    "ANNALS_RUNNER_BATCHES",
    "ANNALS_RUNNER_GRACE",
    "ANNALS_RUNNER_HTTP",
    "ANNALS_RUNNER_LEASE",
    "ANNALS_RUNNER_NAME",
    "ANNALS_RUNNER_READY_LAG",
    "ANNALS_SCHEMA",
    "DATABASE_DIRECT_URL",
    "DATABASE_URL",
    "PGPASSWORD",
    "RUST_LOG",
];

/// Returns the binary with a clean environment.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_projection-runner"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    UNSET.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.kill_on_drop(true);
    command
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Returns standard output as one JSON value a line.
    pub(crate) fn json(&self) -> Result<Vec<Value>, TestFailure> {
        Ok(self.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }
}

/// Runs a command to its end.
pub(crate) async fn finished(command: &mut Command) -> Result<Ended, TestFailure> {
    let output = timeout(SOON, command.output()).await??;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    Ok(Ended { code: output.status.code(), stdout, stderr })
}

/// A runner that works; it is killed when the test ends before it.
pub(crate) struct Process {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Arc<Mutex<String>>,
    started: Value,
}

impl Process {
    /// Starts a runner with pages at a free port, and waits until it works.
    pub(crate) async fn run(url: &str, projections: &Path, more: &[&str]) -> Result<Self, TestFailure> {
        let mut process = Self::begin(url, projections, &[&["--http", "127.0.0.1:0"], more].concat())?;
        let line = timeout(SOON, process.stdout.next_line()).await??;
        let Some(line) = line else { return Err(format!("it ended at once: {}", process.said()).into()) };
        process.started = serde_json::from_str(&line)?;
        Ok(process)
    }

    /// Starts a runner, and does not wait until it works.
    pub(crate) fn begin(url: &str, projections: &Path, more: &[&str]) -> Result<Self, TestFailure> {
        let folder = projections.to_str().ok_or("the folder has a name")?;
        let arguments = ["run", "--projections", folder, "--json"];
        let mut child = command(&[&arguments[..], more].concat()).env("DATABASE_URL", url).spawn()?;
        let stdout = BufReader::new(child.stdout.take().ok_or("standard output is a pipe")?).lines();
        let stderr = Arc::<Mutex<String>>::default();
        let (mut said, kept) = (child.stderr.take().ok_or("standard error is a pipe")?, Arc::clone(&stderr));
        tokio::spawn(async move {
            let mut part = [0; 4096];
            while let Ok(n @ 1..) = said.read(&mut part).await {
                kept.lock().expect("nobody panics").push_str(&String::from_utf8_lossy(&part[..n]));
            }
        });
        Ok(Self { child, stdout, stderr, started: Value::Null })
    }

    /// Returns its id as a runner.
    pub(crate) fn id(&self) -> &str {
        self.started["runner"].as_str().unwrap_or_default()
    }

    /// Returns where its pages are.
    pub(crate) fn http(&self) -> &str {
        self.started["http"].as_str().unwrap_or_default()
    }

    /// Returns what it has said on standard error so far.
    pub(crate) fn said(&self) -> String {
        self.stderr.lock().expect("nobody panics").clone()
    }

    /// Sends it a signal, such as TERM.
    pub(crate) async fn signal(&self, signal: &str) -> TestResult {
        let process = self.child.id().ok_or("the process has ended")?.to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &process]).status().await?;
        if sent.success() { Ok(()) } else { Err(format!("{signal} was not sent").into()) }
    }

    /// Waits for its end.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus, TestFailure> {
        Ok(timeout(SOON, self.child.wait()).await??)
    }
}
