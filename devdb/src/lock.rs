//! A lock that processes of one machine take in turn: a locked file, released with the process.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::start_error::StartError;

/// How long to wait for a process that initializes or starts the server.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(8);

/// Waits for the lock, or for what the holder of the lock is working on.
///
/// `done` is asked before each try, so that twenty processes need not take the lock one after another once the
/// first has finished.
///
/// # Errors
///
/// [`StartError::Folder`] when the file cannot be opened, [`StartError::Locked`] after five minutes.
pub(crate) fn acquire<T>(
    path: &Path,
    mut done: impl FnMut() -> Option<T>,
) -> Result<Acquired<T>, StartError> {
    let folder = |source| StartError::Folder { path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(folder)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(done) = done() {
            return Ok(Acquired::Done(done));
        }
        match file.try_lock() {
            // Between the question and the lock the holder may have finished.
            Ok(()) => return Ok(done().map_or(Acquired::Locked(Lock { _file: file }), Acquired::Done)),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(StartError::Locked { path: path.to_owned(), waited: PATIENCE });
            }
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            Err(TryLockError::Error(source)) => return Err(folder(source)),
        }
    }
}

/// What came first: the lock, or what it was wanted for.
pub(crate) enum Acquired<T> {
    Locked(Lock),
    Done(T),
}

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Waits for the lock alone.
pub(crate) fn wait(path: &Path) -> Result<Lock, StartError> {
    match acquire(path, || None::<std::convert::Infallible>)? {
        Acquired::Locked(lock) => Ok(lock),
        Acquired::Done(never) => match never {},
    }
}
