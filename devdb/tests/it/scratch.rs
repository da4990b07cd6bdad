//! A folder of one test, with the servers in it: stopped and removed at the end.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use annals_devdb::{BinariesChoice, Environment, Profile, Server, StartError};

/// A folder of one test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("annals-devdb-it-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The environment of a process that was told this folder, and the programs that the suite is run with.
    pub(crate) fn environment(&self) -> Environment {
        Environment { folder: Some(self.0.clone()), database_url: None, ..Environment::read() }
    }

    pub(crate) fn with_choice(&self, choice: BinariesChoice) -> Environment {
        Environment { choice, ..self.environment() }
    }

    pub(crate) async fn server(&self, profile: Profile) -> Result<Server, StartError> {
        Server::shared_in(profile, &self.environment()).await
    }

    pub(crate) fn stop(&self) {
        annals_devdb::stop(&self.environment(), None).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let stopped = annals_devdb::stop(&self.environment(), None);
        let removed = fs::remove_dir_all(&self.0);
        if !std::thread::panicking() {
            stopped.unwrap();
            removed.unwrap();
        }
    }
}

/// Finds the servers that run on a data folder below this one, in the list of all processes.
pub(crate) fn servers_below(folder: &Path) -> Vec<u32> {
    let output = std::process::Command::new("ps").args(["-eo", "pid=,ppid=,args="]).output().unwrap();
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_server =
        |line: &&str| line.contains("postgres -D ") && line.contains(&format!("-D {}/", folder.display()));
    let numbers = |line: &str| {
        let mut words = line.split_whitespace().map(|word| word.parse::<u32>().ok());
        Some((words.next()??, words.next()??))
    };
    let found: Vec<(u32, u32)> = lines.lines().filter(is_server).filter_map(numbers).collect();
    // A server's fresh child bears its parent's command line until it has given itself a title.
    let is_child = |parent: u32| found.iter().any(|(pid, _)| *pid == parent);
    found.iter().filter(|(_, parent)| !is_child(*parent)).map(|(pid, _)| *pid).collect()
}
