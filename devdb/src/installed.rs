//! The folders in which PostgreSQL programs may be installed: `pg_config`, the `PATH`, those of distributions.

use std::{env, fs, path::PathBuf};

use crate::{host::output, start_error::Attempt};

/// Lists the folders in which programs may be installed, as `(what led there, folder)`.
pub(crate) fn folders(attempts: &mut Vec<Attempt>) -> Vec<(String, PathBuf)> {
    let mut places = Vec::new();
    match output("pg_config", &["--bindir"]) {
        Some(folder) => places.push(("pg_config".to_owned(), PathBuf::from(folder.trim()))),
        None => {
            attempts.push(Attempt { place: "pg_config".to_owned(), reason: "not on the PATH".to_owned() });
        }
    }
    let on_path = on_path();
    if on_path.is_empty() {
        attempts.push(Attempt { place: "PATH".to_owned(), reason: "no postgres on it".to_owned() });
    }
    places.extend(on_path.into_iter().map(|folder| ("PATH".to_owned(), folder)));
    let of_distributions = of_distributions();
    if of_distributions.is_empty() {
        attempts
            .push(Attempt { place: "distribution folders".to_owned(), reason: "none is there".to_owned() });
    }
    places.extend(of_distributions.into_iter().map(|folder| ("distribution folder".to_owned(), folder)));
    places
}

/// A `postgres` on the PATH may be a link into the folder where its neighbours are.
fn on_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let programs =
        env::split_paths(&path).map(|folder| folder.join("postgres")).filter(|program| program.is_file());
    programs.filter_map(|program| Some(fs::canonicalize(program).ok()?.parent()?.to_owned())).collect()
}

/// One `*` per pattern, which stands for the version.
const DISTRIBUTION_FOLDERS: [&str; 13] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/opt/local/lib/postgresql*/bin",
    "/Library/PostgreSQL/*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/opt/postgresql/*/bin",
    "/usr/local/pgsql*/bin",
    "/usr/local/lib/postgresql*/bin",
];

fn of_distributions() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = DISTRIBUTION_FOLDERS
        .iter()
        .flat_map(|pattern| matching(pattern))
        .filter(|(_, folder)| folder.join("postgres").is_file())
        .collect();
    found.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// Returns the folders that a pattern stands for, with the number that the `*` stands for.
fn matching(pattern: &str) -> Vec<(u32, PathBuf)> {
    let Some((before, after)) = pattern.split_once('*') else { return Vec::new() };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter_map(|name| {
            let version: String =
                name.strip_prefix(prefix)?.chars().take_while(char::is_ascii_digit).collect();
            let folder = PathBuf::from(format!("{parent}/{name}{after}"));
            folder.is_dir().then(|| (version.parse().unwrap_or(0), folder))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_matched_with_their_version() {
        let root = env::temp_dir().join(format!("annals-devdb-matching-{}", std::process::id()));
        for version in ["9", "15", "16.2", "x"] {
            fs::create_dir_all(root.join(format!("pg{version}/bin"))).unwrap();
        }
        let mut found = matching(&format!("{}/pg*/bin", root.display()));
        found.sort();
        let versions: Vec<u32> = found.iter().map(|(version, _)| *version).collect();
        assert_eq!(versions, [0, 9, 15, 16]);
        assert!(matching("/nowhere/*/bin").is_empty());
        fs::remove_dir_all(root).unwrap();
    }
}
