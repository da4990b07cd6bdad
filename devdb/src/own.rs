//! The shared server of ours: found running, else started, once among all processes.
//!
//! ```text
//! a recorded server answers? -> programs found -> lock -> it answers by now? -> initdb -> start
//! ```
//!
//! Guarantees
//! - however many processes call at once, one server is started;
//! - while a server runs, no program is run to find it;
//! - a server that was killed is started again by the next call.

use std::path::Path;

use crate::{
    announce, base,
    binaries::Binaries,
    cluster,
    environment::Environment,
    home::Home,
    host,
    launch::Launch,
    lock::{self, Acquired},
    postmaster,
    probe::{self, Answer},
    profile::Profile,
    record::Record,
    search,
    server::Server,
    start,
    start_error::StartError,
};

/// Returns the server of this profile that runs, or starts it. Blocks.
pub(crate) fn find_or_start(profile: Profile, environment: &Environment) -> Result<Server, StartError> {
    let choice = environment.choice.key();
    for base in base::existing(environment) {
        for home in Home::all(&base, profile) {
            if let Some(server) = recorded(&home, &choice) {
                announce_found(&server, profile);
                return Ok(server);
            }
        }
    }
    let launch = Launch::of_this_process()?;
    let base = base::usable(environment, launch)?;
    let binaries = search::find(&environment.choice, &base, launch)?;
    start_once(profile, &base, &binaries, &choice, launch)
}

/// Returns the server of this home if it was recorded for this choice and answers.
fn recorded(home: &Home, choice: &str) -> Option<Server> {
    let record = Record::read(home)?;
    let is_meant =
        record.choices.iter().any(|known| known == choice) && base::is_ours(&record.socket, home.folder());
    if !is_meant {
        return None;
    }
    match probe::ask(&record.socket) {
        Answer::Ready(version) => {
            let binaries = Binaries::new(record.folder, version.unwrap_or(record.version));
            Some(Server::own(home.clone(), record.socket, binaries))
        }
        Answer::Busy | Answer::Silent => None,
    }
}

fn start_once(
    profile: Profile,
    base: &Path,
    binaries: &Binaries,
    choice: &str,
    launch: &Launch,
) -> Result<Server, StartError> {
    let home = Home::shared(base, binaries.version().major(), profile);
    home.prepare(launch)?;
    let found = |server: Server| {
        announce_found(&server, profile);
        server
    };
    let _lock = match lock::acquire(&home.lock(), || adopt(&home, binaries, choice))? {
        Acquired::Done(server) => return Ok(found(server)),
        Acquired::Locked(lock) => lock,
    };
    postmaster::settle(&home)?;
    if let Some(server) = adopt(&home, binaries, choice) {
        return Ok(found(server));
    }
    if profile == Profile::Test && died_with_the_machine(&home) {
        announce::say(
            "the machine went down under the test server, which runs without fsync: starting from empty data",
        );
        cluster::discard(&home)?;
    }
    cluster::initialize(&home, binaries, profile, launch)?;
    let running = start::start(&home, binaries, profile.settings(), launch)?;
    Record::new(binaries.folder().to_owned(), running.version, running.socket.clone(), choice.to_owned())
        .write(&home);
    announce::say(&format!(
        "started PostgreSQL {} from {} ({profile} profile, data in {})",
        running.version,
        binaries.folder().display(),
        home.folder().display(),
    ));
    Ok(Server::own(home, running.socket, Binaries::new(binaries.folder().to_owned(), running.version)))
}

/// Returns the server of this home if it answers, and records that it serves this choice too.
fn adopt(home: &Home, binaries: &Binaries, choice: &str) -> Option<Server> {
    let socket = postmaster::socket_folder(home)?;
    let Answer::Ready(version) = probe::ask(&socket) else { return None };
    let version = version.unwrap_or(binaries.version());
    let mut record = Record::read(home).filter(|record| record.socket == socket).unwrap_or_else(|| {
        Record::new(binaries.folder().to_owned(), version, socket.clone(), choice.to_owned())
    });
    if !record.choices.iter().any(|known| known == choice) {
        record.choices.push(choice.to_owned());
    }
    record.write(home);
    Some(Server::own(home.clone(), socket, Binaries::new(record.folder, version)))
}

/// Without fsync a crash of the machine can leave data that looks whole and is not.
fn died_with_the_machine(home: &Home) -> bool {
    let was_running = home.data().join("postmaster.pid").exists();
    was_running && Record::read(home).is_some_and(|record| record.boot != host::boot())
}

fn announce_found(server: &Server, profile: Profile) {
    announce::note(&format!(
        "using the running development server (PostgreSQL {}, {profile} profile)",
        server.version()
    ));
}
