//! A projection's folder: `projection.toml`, `setup.sql`, and one `.sql` file for each event type.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use annals_eventstore::EventType;

use super::fault::{Fault, FaultReason, FolderError};
use super::fingerprint::FolderFingerprint;
use super::manifest::{Declared, Manifest};
use super::place::Place;
use super::projection::{HandlerFile, SqlFile, SqlProjection};
use super::rules::setup_faults;
use super::statement::{Statement, cut};

/// The file that says what the others are.
const MANIFEST: &str = "projection.toml";

/// The file that makes the tables.
const SETUP: &str = "setup.sql";

impl SqlProjection {
    /// Loads a folder. Nothing is asked of a server yet.
    ///
    /// # Errors
    ///
    /// [`FolderError`] with everything that is wrong, in all files.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, FolderError> {
        let mut loader = Loader { folder: folder.as_ref(), faults: Vec::new() };
        let loaded = loader.load();
        loader.faults.sort_by(|one, other| one.place.cmp(&other.place));
        match loaded {
            Some(projection) if loader.faults.is_empty() => Ok(projection),
            _ => Err(FolderError(loader.faults)),
        }
    }
}

/// Reads the files, and notes what is wrong with them.
struct Loader<'f> {
    folder: &'f Path,
    faults: Vec<Fault>,
}

impl Loader<'_> {
    fn load(&mut self) -> Option<SqlProjection> {
        let text = self.read(MANIFEST)?;
        let (manifest, declared) = match Manifest::parse(&text) {
            Ok(manifest) => (Some(manifest.clone()), manifest.events),
            Err((faults, declared)) => {
                let path = self.path(MANIFEST);
                self.faults.extend(faults.into_iter().map(|(at, fault)| Fault {
                    place: Place::of_byte(&path, &text, at),
                    reason: fault.into(),
                }));
                (None, declared)
            }
        };
        let setup = self.setup();
        let (files, by_type) = self.handlers(&declared, &text);
        self.refuse_undeclared(&declared);
        self.assembled(manifest?, setup?, files, by_type)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn read(&mut self, name: &str) -> Option<String> {
        let read = text_of(&self.folder.join(name));
        read.map_err(|error| self.note(Place::top(&self.path(name)), error)).ok()
    }

    fn note(&mut self, place: Place, reason: impl Into<FaultReason>) {
        self.faults.push(Fault { place, reason: reason.into() });
    }

    fn note_all(&mut self, file: &SqlFile, faults: Vec<(usize, impl Into<FaultReason>)>) {
        for (at, fault) in faults {
            self.note(Place::of_byte(&file.path, &file.text, at), fault);
        }
    }

    fn setup(&mut self) -> Option<SqlFile> {
        let file = SqlFile { path: self.path(SETUP), text: self.read(SETUP)? };
        let faults = cut(&file.text).map(|tokens| setup_faults(&tokens)).unwrap_or_else(|faults| faults);
        self.note_all(&file, faults);
        Some(file)
    }

    /// Reads each file once, whatever number of types it has.
    fn handlers(
        &mut self,
        declared: &[Declared],
        manifest: &str,
    ) -> (Vec<HandlerFile>, BTreeMap<EventType, usize>) {
        let (mut files, mut by_type) = (Vec::new(), BTreeMap::new());
        let mut by_name: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        for Declared { event_type, file: name, at } in declared {
            let index = *by_name.entry(name).or_insert_with(|| {
                let handler = self.handler(name, Place::of_byte(&self.path(MANIFEST), manifest, *at))?;
                files.push(handler);
                Some(files.len() - 1)
            });
            by_type.extend(index.map(|index| (event_type.clone(), index)));
        }
        (files, by_type)
    }

    /// A file that is not there is told where it is named.
    fn handler(&mut self, name: &str, named: Place) -> Option<HandlerFile> {
        let path = self.folder.join(name);
        let text = match text_of(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.note(named, error);
                return None;
            }
            Err(error) => {
                self.note(Place::top(&path.display().to_string()), error);
                return None;
            }
        };
        let file = SqlFile { path: path.display().to_string(), text };
        match Statement::parse(&file.text) {
            Ok(statement) => Some(HandlerFile { file, statement }),
            Err(faults) => {
                self.note_all(&file, faults);
                None
            }
        }
    }

    /// A file that no type leads to was most likely forgotten. Names that begin with a dot are passed over.
    fn refuse_undeclared(&mut self, declared: &[Declared]) {
        let names = match self.names() {
            Ok(names) => names,
            Err(error) => return self.note(Place::top(&self.folder.display().to_string()), error),
        };
        for name in names {
            let is_known =
                name == MANIFEST || name == SETUP || declared.iter().any(|declared| declared.file == name);
            if !is_known && !name.starts_with('.') {
                self.note(Place::top(&self.path(&name)), FaultReason::Undeclared);
            }
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        fs::read_dir(self.folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn assembled(
        &self,
        manifest: Manifest,
        setup: SqlFile,
        files: Vec<HandlerFile>,
        by_type: BTreeMap<EventType, usize>,
    ) -> Option<SqlProjection> {
        let handlers = by_type.iter().map(|(event_type, file)| {
            let HandlerFile { file, statement } = &files[*file];
            (event_type.as_str(), statement.is_set_based(), cut(&file.text).unwrap_or_default())
        });
        let fingerprint = FolderFingerprint::of(&manifest, &cut(&setup.text).ok()?, handlers);
        let manifest_file = self.path(MANIFEST);
        Some(SqlProjection { manifest, manifest_file, setup, files, by_type, fingerprint })
    }
}

/// Reads a file, without the mark that some editors put in front of UTF-8.
fn text_of(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests;
