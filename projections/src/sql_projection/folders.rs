//! All projections of a folder, one in each folder below it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::fault::{Fault, FaultReason, FolderError};
use super::place::Place;
use super::projection::SqlProjection;

impl SqlProjection {
    /// Loads every folder in a folder, by name. Files beside them, and names that begin with a dot, are passed over. Two
    /// versions of a projection may stand side by side.
    ///
    /// # Errors
    ///
    /// [`FolderError`] with everything that is wrong, in all folders: also where there is none, and where two would share
    /// name and version, or a schema.
    pub fn load_all(folder: impl AsRef<Path>) -> Result<Vec<Self>, FolderError> {
        let folder = folder.as_ref();
        let top = |reason: FaultReason| Fault { place: Place::top(&folder.display().to_string()), reason };
        let below = below(folder).map_err(|error| FolderError(vec![top(error.into())]))?;
        let (mut projections, mut faults) = (Vec::<Self>::new(), Vec::new());
        if below.is_empty() {
            faults.push(top(FaultReason::NoFolder));
        }
        for path in below {
            match Self::load(path) {
                Ok(projection) => {
                    faults.extend(projections.iter().filter_map(|other| shared(&projection, other)));
                    projections.push(projection);
                }
                Err(FolderError(more)) => faults.extend(more),
            }
        }
        if faults.is_empty() { Ok(projections) } else { Err(FolderError(faults)) }
    }
}

/// Lists the folders below a folder.
fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let is_hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut folders: Vec<PathBuf> =
        paths?.into_iter().filter(|path| path.is_dir() && !is_hidden(path)).collect();
    folders.sort();
    Ok(folders)
}

/// Tells what two projections may not share.
fn shared(one: &SqlProjection, other: &SqlProjection) -> Option<Fault> {
    let is_same = one.name() == other.name() && one.version() == other.version();
    let what = if is_same {
        "name and version"
    } else if one.schema() == other.schema() {
        "schema"
    } else {
        return None;
    };
    let reason = FaultReason::Shared { what, with: other.manifest_file().to_owned() };
    Some(Fault { place: Place::top(one.manifest_file()), reason })
}
