//! Starts the server of a home, without `pg_ctl`, and waits until it takes connections.
//!
//! Guarantees
//! - the server survives the end and the Ctrl-C of the process that started it;
//! - a stale `postmaster.pid` stands in no start's way, whoever has its process id now; whether backends of the
//!   server before still live is left to PostgreSQL, which knows by its shared memory;
//! - a start that fails shows the end of the log.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use crate::{
    binaries::Binaries,
    cluster::last_lines,
    home::{Home, SOCKET},
    launch::Launch,
    postmaster::RECOVERY_PATIENCE,
    probe::{self, Answer},
    process::{self, Signal},
    start_error::StartError,
    version::PostgresVersion,
};

const START_PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(3);
const LOG_LINES_MAX: usize = 20;
const LOG_BYTES_MAX: u64 = 16 << 20;
/// Closes what a shell, `make` or a test harness may have left open beyond standard error: a server that
/// keeps a pipe open for days keeps its reader waiting.
const EXEC_WITHOUT_STRAY_FILES: &str = "exec \"$0\" \"$@\" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";

/// What a server takes connections with.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) socket: PathBuf,
    pub(crate) version: PostgresVersion,
}

/// Starts the server and waits until it takes connections. The caller holds the home's lock.
///
/// # Errors
///
/// [`StartError::NotReady`] with the end of the log.
pub(crate) fn start(
    home: &Home,
    binaries: &Binaries,
    settings: &[(&str, &str)],
    launch: &Launch,
) -> Result<Running, StartError> {
    let socket = home.socket_folder(launch)?;
    home.hand_over(launch)?;
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        defuse_pid_file(home)?;
        for leftover in [SOCKET.to_owned(), format!("{SOCKET}.lock")] {
            let _ = fs::remove_file(socket.join(leftover));
        }
        match attempt(home, binaries, settings, launch, &socket) {
            // Backends of a killed server take a moment to notice that it is gone.
            Err(StartError::NotReady { lines, .. })
                if lines.contains("pre-existing shared memory block") && Instant::now() < deadline =>
            {
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error),
            Ok(version) => return Ok(Running { socket, version: version.unwrap_or(binaries.version()) }),
        }
    }
}

fn attempt(
    home: &Home,
    binaries: &Binaries,
    settings: &[(&str, &str)],
    launch: &Launch,
    socket: &Path,
) -> Result<Option<PostgresVersion>, StartError> {
    let (log, log_begin) = open_log(home)?;
    let program = binaries.folder().join("postgres");
    let child = spawn(&program, home, settings, launch, socket, &log)?;
    let pid = child.id();
    let ended = watch(child);
    let began = Instant::now();
    let outcome = loop {
        let answer = probe::ask(socket);
        if let Answer::Ready(version) = answer {
            return Ok(version);
        }
        if let Some(status) = ended.get() {
            break format!("ended while starting ({status})");
        }
        let patience = if answer == Answer::Busy { RECOVERY_PATIENCE } else { START_PATIENCE };
        if began.elapsed() > patience {
            process::send(Signal::Quit, pid);
            break format!("took no connections within {} s", patience.as_secs());
        }
        thread::sleep(PAUSE);
    };
    Err(StartError::NotReady { outcome, log: home.log(), lines: log_lines(home, log_begin) })
}

fn spawn(
    program: &Path,
    home: &Home,
    settings: &[(&str, &str)],
    launch: &Launch,
    socket: &Path,
    log: &File,
) -> Result<Child, StartError> {
    let log_failed = |source| StartError::Folder { path: home.log(), source };
    let mut postgres = launch.command(Path::new("/bin/sh"));
    postgres.args(["-c", EXEC_WITHOUT_STRAY_FILES]).arg(program).arg("-D").arg(home.data());
    postgres.arg("-c").arg(format!("unix_socket_directories={}", socket.display()));
    for (name, value) in settings {
        postgres.arg("-c").arg(format!("{name}={value}"));
    }
    postgres.stdout(log.try_clone().map_err(log_failed)?).stderr(log.try_clone().map_err(log_failed)?);
    // A process group of its own: Ctrl-C in the terminal is not meant for it.
    postgres.process_group(0);
    postgres.spawn().map_err(|source| StartError::Program { program: program.to_owned(), source })
}

/// Waits for the child on a thread, so that it is no zombie when it ends before us.
fn watch(mut child: Child) -> Arc<OnceLock<ExitStatus>> {
    let ended = Arc::new(OnceLock::new());
    let sender = Arc::clone(&ended);
    thread::spawn(move || {
        if let Ok(status) = child.wait() {
            let _ = sender.set(status);
        }
    });
    ended
}

fn open_log(home: &Home) -> Result<(File, u64), StartError> {
    let failed = |source| StartError::Folder { path: home.log(), source };
    let log = OpenOptions::new().create(true).append(true).open(home.log()).map_err(failed)?;
    let mut begin = log.metadata().map_err(failed)?.len();
    if begin > LOG_BYTES_MAX {
        log.set_len(0).map_err(failed)?;
        begin = 0;
    }
    Ok((log, begin))
}

fn log_lines(home: &Home, begin: u64) -> String {
    let read = || {
        let mut log = File::open(home.log())?;
        log.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    match read() {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes), LOG_LINES_MAX),
        Err(error) => format!("(cannot be read: {error})"),
    }
}

/// Makes a `postmaster.pid` harmless whose process id now belongs to somebody else, or to a zombie.
///
/// PostgreSQL takes any live process of that id for its own. The file is not removed, since its shared memory key
/// guards against backends that outlived their server; only the id is replaced by one that no process can have.
fn defuse_pid_file(home: &Home) -> Result<(), StartError> {
    let path = home.data().join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    fs::write(&path, format!("{}\n{rest}", i32::MAX - 1))
        .map_err(|source| StartError::Folder { path, source })
}
