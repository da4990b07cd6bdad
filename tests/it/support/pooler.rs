//! A pooler in transaction mode between a store and its server: pgbouncer, in a folder of the test's own.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use annals_devdb::{TestFailure, unprivileged};
use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{ConnectOptions, StoreConfig};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::TestDb;

/// Runs the pooler until its input closes, which the end of the test's process does.
const WATCH: &str = "\"$1\" \"$2\" & pooler=$!; read -r _; kill -s TERM $pooler; wait $pooler";

/// A running pooler. It ends when it is dropped.
pub(crate) struct Pooler {
    shell: Option<Child>,
    folder: PathBuf,
    user: String,
    database: String,
}

impl Pooler {
    /// Stands before the database of a connection string, with so many connections to it and further settings.
    pub(crate) async fn before(url: &str, connections: usize, settings: &str) -> Result<Self, TestFailure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("annals-pooler-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        // The account that it runs as may be another one.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
        let server: Config = url.parse()?;
        let file = folder.join("pgbouncer.ini");
        fs::write(&file, configuration(&server, &folder, connections, settings))?;

        let program = program().ok_or("pgbouncer is not installed")?;
        let mut shell = Command::from(unprivileged("/bin/sh")?);
        shell.args(["-c", WATCH, "sh"]).arg(program).arg(&file);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let said = shell.stderr.take().expect("it was piped");
        let user = server.get_user().unwrap_or("postgres").to_owned();
        let database = server.get_dbname().unwrap_or(&user).to_owned();
        let pooler = Self { shell: Some(shell), folder, user, database };
        until_up(said).await?;
        Ok(pooler)
    }

    /// Returns the connection string through the pooler. It does not say that there is one.
    pub(crate) fn url(&self) -> String {
        let Self { folder, user, database, .. } = self;
        format!("postgres://{user}@/{database}?host={}&port=6432", folder.display())
    }

    /// Returns how to reach the database through the pooler, in the mode for it.
    pub(crate) fn options(&self) -> Result<ConnectOptions, TestFailure> {
        Ok(ConnectOptions::parse(&self.url())?.behind_pooler(true))
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let Some(mut shell) = self.shell.take() else { return };
        drop(shell.stdin.take());
        // The database cannot be dropped before the pooler has let go of it.
        while matches!(shell.try_wait(), Ok(None)) {
            std::thread::yield_now();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A migrated database behind a pooler, and a store on it that listens elsewhere.
pub(crate) struct PooledDb {
    // Dropped in this order.
    store: PostgresStore,
    pub(crate) pooler: Pooler,
    pub(crate) db: TestDb,
}

impl PooledDb {
    /// Makes a database and a pooler with so many connections to it.
    pub(crate) async fn fresh(connections: usize) -> Result<Self, TestFailure> {
        Self::over(TestDb::fresh().await?, connections).await
    }

    /// Puts a pooler before a database.
    pub(crate) async fn over(db: TestDb, connections: usize) -> Result<Self, TestFailure> {
        let pooler = Pooler::before(db.url(), connections, "").await?;
        let config = StoreConfig { listen: Some(db.url().parse()?), ..StoreConfig::new(pooler.options()?) };
        Ok(Self { store: PostgresStore::open(config).await?, pooler, db })
    }

    /// Returns a handle to the log, through the pooler.
    pub(crate) fn store(&self) -> PostgresStore {
        self.store.clone()
    }
}

/// True, and a line on standard error, where there is no pooler.
pub(crate) fn skipped_without_pooler(test: &str) -> bool {
    if program().is_some() {
        return false;
    }
    // Written past the test harness, which keeps what passing tests print.
    let _ = writeln!(io::stderr(), "skipped: 1 ({test}: pgbouncer is not installed)");
    true
}

/// It is a server program, and not in the search path of every user.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}

fn configuration(server: &Config, folder: &Path, connections: usize, settings: &str) -> String {
    let host = match server.get_hosts().first() {
        Some(Host::Unix(folder)) => folder.display().to_string(),
        Some(Host::Tcp(name)) => name.clone(),
        None => "localhost".to_owned(),
    };
    let port = server.get_ports().first().copied().unwrap_or(5432);
    let user = server.get_user().unwrap_or("postgres");
    let database = server.get_dbname().unwrap_or(user);
    let password = server.get_password().map(|text| format!("password='{}'", String::from_utf8_lossy(text)));
    let password = password.unwrap_or_default();
    format!(
        "[databases]
{database} = host='{host}' port={port} user='{user}' {password}
[pgbouncer]
unix_socket_dir = {}
listen_port = 6432
auth_type = any
pool_mode = transaction
max_client_conn = 1000
default_pool_size = {connections}
{settings}
",
        folder.display()
    )
}

/// Waits until it says that it is up, and lets it talk on.
async fn until_up(said: tokio::process::ChildStderr) -> Result<(), TestFailure> {
    let (mut said, mut all) = (BufReader::new(said), String::new());
    while said.read_line(&mut all).await? > 0 {
        if all.contains("process up") {
            tokio::spawn(async move { said.read_to_end(&mut Vec::new()).await });
            return Ok(());
        }
    }
    Err(format!("pgbouncer does not start: {all}").into())
}
