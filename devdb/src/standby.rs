//! Makes the data folder of a hot standby with `pg_basebackup`.

use crate::{
    binaries::Binaries,
    cluster::{initialized, last_lines},
    home::Home,
    launch::Launch,
    lock,
    start_error::StartError,
};

/// Lines of output shown when it fails.
const LINES_MAX: usize = 20;

/// Copies a running server into a home that has no data yet, set up to follow it.
///
/// # Errors
///
/// [`StartError::BaseBackup`] with what the program printed.
pub(crate) fn copy(
    home: &Home,
    binaries: &Binaries,
    primary: &str,
    launch: &Launch,
) -> Result<(), StartError> {
    let _lock = lock::wait(&home.lock())?;
    initialized(home, |draft| {
        let program = binaries.folder().join("pg_basebackup");
        let mut backup = launch.command(&program);
        backup.arg("--pgdata").arg(draft).arg("--dbname").arg(primary);
        backup.args(["--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"]);
        let output = backup.output().map_err(|source| StartError::Program { program, source })?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        let output = last_lines(&String::from_utf8_lossy(&said), LINES_MAX);
        Err(StartError::BaseBackup { folder: home.folder().to_owned(), output })
    })
}
