//! As whom PostgreSQL is run: it refuses root, so root gives itself up for it.
//!
//! Guarantees
//! - an ordinary user runs it as itself, without help of another program;
//! - for root the first way that works is taken, tried once per process: a user namespace with one entry
//!   (files stay root's), else the uid of `postgres` or `nobody` (the data folder is given to it).

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
};

use crate::{
    host::uid,
    start_error::{Attempt, StartError},
};

/// What a server is told of our environment. It outlives us by days, and the rest may hold secrets, or `PG…`
/// variables that mean another server.
const ENVIRONMENT: [&str; 6] = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZDIR"];

/// As whom PostgreSQL is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Launch {
    /// As the user of this process.
    Direct,
    /// As uid 1000 of a namespace of its own, which is root outside.
    UserNamespace,
    /// As another account, through `setpriv`.
    Setpriv(Account),
    /// As another account, through `runuser`.
    Runuser(Account),
    /// As another account, through `su`.
    Su(Account),
}

/// An entry of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Launch {
    /// Finds the way that works for this process; tried once.
    ///
    /// # Errors
    ///
    /// [`StartError::Root`] when this is root and nothing works.
    pub(crate) fn of_this_process() -> Result<&'static Launch, StartError> {
        static LAUNCH: LazyLock<Result<Launch, Vec<Attempt>>> = LazyLock::new(probe);
        LAUNCH.as_ref().map_err(|attempts| StartError::Root { attempts: attempts.clone() })
    }

    /// Returns a command that runs the program in this way, from `/`, with little of our environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = match self {
            Launch::Direct => Command::new(program),
            Launch::UserNamespace => {
                let mut command = Command::new("unshare");
                command.args(["--user", "--map-user=1000", "--map-group=1000", "--"]).arg(program);
                command
            }
            Launch::Setpriv(account) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={}", account.uid)).arg(format!("--regid={}", account.gid));
                command.args(["--clear-groups", "--"]).arg(program);
                command
            }
            Launch::Runuser(account) => {
                let mut command = Command::new("runuser");
                command.args(["-u", &account.name, "--"]).arg(program);
                command
            }
            Launch::Su(account) => {
                let mut command = Command::new("su");
                command.args(["-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", &account.name, "--"]).arg(program);
                command
            }
        };
        command.env_clear().envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        command
    }

    /// Returns the user and group that own the server's files.
    pub(crate) fn owner(&self) -> (u32, u32) {
        match self {
            Launch::Direct | Launch::UserNamespace => (uid(), own_gid()),
            Launch::Setpriv(account) | Launch::Runuser(account) | Launch::Su(account) => {
                (account.uid, account.gid)
            }
        }
    }

    /// Checks that a program run in this way can enter the folder.
    pub(crate) fn enter(&self, folder: &Path) -> Result<(), StartError> {
        if *self == Launch::Direct {
            return Ok(());
        }
        let mut shell = self.command(Path::new("/bin/sh"));
        shell.args(["-c", "cd \"$1\"", "sh"]).arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
        match shell.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(StartError::UnsafeFolder {
                path: folder.to_owned(),
                reason: "the account that PostgreSQL runs as cannot enter it".to_owned(),
            }),
            Err(source) => Err(StartError::Program { program: "/bin/sh".into(), source }),
        }
    }
}

/// Returns a command that runs a program as PostgreSQL is run here, never as root: from `/`, with little of our
/// environment and without input. For programs beside a server that refuse root too, such as a pooler.
///
/// # Errors
///
/// [`StartError::Root`] when this is root and no way to give it up works.
pub fn unprivileged(program: impl AsRef<Path>) -> Result<Command, StartError> {
    Ok(Launch::of_this_process()?.command(program.as_ref()))
}

fn probe() -> Result<Launch, Vec<Attempt>> {
    if uid() != 0 {
        return Ok(Launch::Direct);
    }
    let mut ways = vec![Launch::UserNamespace];
    for account in accounts(&fs::read_to_string("/etc/passwd").unwrap_or_default()) {
        ways.extend([
            Launch::Setpriv(account.clone()),
            Launch::Runuser(account.clone()),
            Launch::Su(account),
        ]);
    }
    let mut attempts = Vec::new();
    for way in ways {
        match gives_up_root(&way) {
            Ok(()) => return Ok(way),
            Err(reason) => attempts.push(Attempt { place: format!("{way:?}"), reason }),
        }
    }
    Err(attempts)
}

/// Runs `id -u` in this way: older programs ignore what they do not know and stay root.
fn gives_up_root(launch: &Launch) -> Result<(), String> {
    let mut shell = launch.command(Path::new("/bin/sh"));
    let output = shell.args(["-c", "id -u"]).output().map_err(|error| error.to_string())?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "0" => Err("it is still root".to_owned()),
        uid if output.status.success() && uid.parse::<u32>().is_ok() => Ok(()),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Picks the accounts that PostgreSQL may be run as, the preferred one first.
fn accounts(passwd: &str) -> Vec<Account> {
    let read = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { name, uid, gid })
    };
    let all: Vec<Account> = passwd.lines().filter_map(read).collect();
    ["postgres", "nobody"]
        .iter()
        .filter_map(|name| all.iter().find(|account| account.name == *name).cloned())
        .collect()
}

fn own_gid() -> u32 {
    fs::metadata("/proc/self").map_or(0, |own| own.gid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_is_preferred_to_nobody_and_strangers_are_left_out() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n\
                      postgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash\nbroken\n";
        let found: Vec<(String, u32, u32)> =
            accounts(passwd).into_iter().map(|account| (account.name, account.uid, account.gid)).collect();
        assert_eq!(found, [("postgres".to_owned(), 101, 104), ("nobody".to_owned(), 65534, 65534)]);
        assert!(accounts("").is_empty());
    }
}
