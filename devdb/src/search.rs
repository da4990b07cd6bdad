//! The search for PostgreSQL programs: installed ones, else the wheel.
//!
//! Guarantees
//! - what was not taken is remembered with its reason, for the error message.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use crate::{
    advice,
    binaries::Binaries,
    environment::BinariesChoice,
    installed,
    launch::Launch,
    start_error::{Attempt, StartError},
    wheel,
};

/// Finds or fetches programs; the answer is kept for the life of the process.
///
/// # Errors
///
/// [`StartError::NotFound`] with everything that was tried.
pub(crate) fn find(choice: &BinariesChoice, base: &Path, launch: &Launch) -> Result<Binaries, StartError> {
    static FOUND: LazyLock<Mutex<HashMap<(BinariesChoice, PathBuf), Binaries>>> =
        LazyLock::new(Mutex::default);
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (choice.clone(), base.to_owned());
    if let Some(binaries) = found.get(&key) {
        return Ok(binaries.clone());
    }
    let binaries = search(choice, base, launch)?;
    found.insert(key, binaries.clone());
    Ok(binaries)
}

fn search(choice: &BinariesChoice, base: &Path, launch: &Launch) -> Result<Binaries, StartError> {
    let mut attempts = Vec::new();
    let places = match choice {
        BinariesChoice::Auto | BinariesChoice::Installed => installed::folders(&mut attempts),
        BinariesChoice::Folder(folder) => vec![("ANNALS_PG".to_owned(), folder.clone())],
        BinariesChoice::Wheel => Vec::new(),
    };
    if let Some(binaries) = first_usable(places, launch, &mut attempts) {
        return Ok(binaries);
    }
    if matches!(choice, BinariesChoice::Auto | BinariesChoice::Wheel) {
        match wheel::provide(base) {
            Ok(binaries) => return Ok(binaries),
            Err(reason) => attempts.push(Attempt { place: "the wheel".to_owned(), reason }),
        }
    }
    Err(StartError::NotFound { attempts, advice: advice::for_this_system() })
}

fn first_usable(
    places: Vec<(String, PathBuf)>,
    launch: &Launch,
    attempts: &mut Vec<Attempt>,
) -> Option<Binaries> {
    let mut seen = HashSet::new();
    for (origin, folder) in places {
        if !seen.insert(folder.clone()) {
            continue;
        }
        let inspected = Binaries::inspect(&folder);
        let entered = inspected
            .and_then(|found| launch.enter(&folder).map(|()| found).map_err(|error| error.to_string()));
        match entered {
            Ok(binaries) => return Some(binaries),
            Err(reason) => {
                attempts.push(Attempt { place: format!("{origin} ({})", folder.display()), reason });
            }
        }
    }
    None
}
