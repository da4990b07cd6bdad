//! Which tests passed on which server, written down for the matrix of the conformance suite.
//!
//! Nothing is written unless `ANNALS_CONFORMANCE_DIR` names a folder.

use std::path::PathBuf;
use std::{fs, thread};

use tokio_postgres::Client;

/// The folder in which passed tests are written down: a folder for each server, a file for each test.
pub(crate) const FOLDER: &str = "ANNALS_CONFORMANCE_DIR";

/// Writes down that the test of this thread has passed, when it is dropped and nothing has failed.
#[derive(Debug)]
pub(crate) struct Ran {
    file: PathBuf,
}

impl Ran {
    /// The test runs now, in a column of the matrix; `None` where nobody wants to know.
    pub(crate) fn in_column(column: &str) -> Option<Self> {
        let folder = std::env::var_os(FOLDER)?;
        let test = thread::current().name()?.replace("::", ".");
        Some(Self { file: PathBuf::from(folder).join(column).join(test) })
    }

    /// The test runs now, in the column of the server behind a connection, which is its major version.
    pub(crate) async fn on_server_of(client: &Client) -> Result<Option<Self>, tokio_postgres::Error> {
        if std::env::var_os(FOLDER).is_none() {
            return Ok(None);
        }
        let sql = "select (current_setting('server_version_num')::integer / 10000)::text";
        let major: String = client.query_one(sql, &[]).await?.get(0);
        Ok(Self::in_column(&major))
    }
}

impl Drop for Ran {
    fn drop(&mut self) {
        if !thread::panicking() {
            let folder = self.file.parent().expect("a file stands in a folder");
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&self.file, ""))
                .expect("the folder can be written to");
        }
    }
}
