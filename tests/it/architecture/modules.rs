//! The modules of one crate, and who imports whom.
//!
//! Modules are compared with their siblings, at every level of the tree: whatever `postgres/connect/tls.rs`
//! imports from `memory/log.rs` is an arrow from `postgres` to `memory`.

use std::collections::{BTreeMap, BTreeSet};
use std::{fs, io, path};

use super::graph::{Edge, circles, told};
use super::source::{Path, Source};

/// The sources of one crate (or of another tree of modules), by module: `["postgres", "connect"]`.
#[derive(Debug, Default)]
pub(super) struct Modules {
    files: BTreeMap<Vec<String>, (String, Source)>,
}

/// An import, resolved: the module that says it, the module it names, what it takes from there.
struct Import<'m> {
    from: &'m [String],
    to: Vec<String>,
    item: Option<String>,
    place: String,
}

impl Modules {
    /// Reads a folder; `name` stands before the paths of its files when something is told.
    pub(super) fn read(folder: &path::Path, name: &str) -> io::Result<Self> {
        let mut modules = Self::default();
        modules.read_folder(folder, name, &[])?;
        modules.forget_tests();
        Ok(modules)
    }

    fn read_folder(&mut self, folder: &path::Path, name: &str, module: &[String]) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default().to_owned();
            let place = format!("{name}/{file}");
            if path.is_dir() {
                self.read_folder(&path, &place, &[module, &[file]].concat())?;
            } else if let Some(stem) = file.strip_suffix(".rs") {
                let own = match stem {
                    "lib" | "main" | "mod" => module.to_vec(),
                    _ => [module, &[stem.to_owned()]].concat(),
                };
                self.files.insert(own, (place, Source::parse(&fs::read_to_string(&path)?)));
            }
        }
        Ok(())
    }

    /// Drops the files that only tests have, and what lies below them.
    fn forget_tests(&mut self) {
        let tests: Vec<Vec<String>> = self
            .files
            .iter()
            .flat_map(|(module, (_, source))| {
                source
                    .test_modules
                    .iter()
                    .map(|test| [module.as_slice(), std::slice::from_ref(test)].concat())
            })
            .collect();
        self.files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
    }

    /// Returns the names of the top-level modules.
    pub(super) fn top(&self) -> BTreeSet<&str> {
        self.files.keys().filter_map(|module| module.first()).map(String::as_str).collect()
    }

    /// Returns the arrows between the top-level modules.
    pub(super) fn top_edges(&self) -> Vec<Edge> {
        self.edges().remove("").unwrap_or_default()
    }

    /// Returns every path that begins outside of this tree (`std::fmt`, `annals::eventstore::Event`), with its place.
    pub(super) fn outside(&self) -> Vec<(String, String)> {
        let mut outside = Vec::new();
        for (module, (place, source)) in &self.files {
            for path in &source.paths {
                let head = &path.segments[0];
                let is_crate = head.starts_with(|first: char| first.is_ascii_lowercase());
                // `use std::fmt` makes `fmt::Display` a path of its own; the import has been told.
                let is_known = path.segments.len() > 1 && !path.is_import && source.imported.contains(head);
                if is_crate && !is_known && self.absolute(module, path).is_none() {
                    outside.push((path.segments.join("::"), format!("{place}:{}", path.line)));
                }
            }
        }
        outside
    }

    /// Returns everything that is wrong: circles, imports from the root, modules that cannot be looked into.
    pub(super) fn faults(&self) -> Vec<String> {
        let inline = self.files.values().flat_map(|(place, source)| {
            source.inline_modules.iter().map(move |line| format!("{place}:{line}: a module that is no file"))
        });
        let macros: BTreeSet<&String> = self.files.values().flat_map(|(_, source)| &source.macros).collect();
        let from_root = self.imports().into_iter().filter_map(|import| {
            let item = import.item.filter(|item| !macros.contains(item))?;
            let is_inner = !import.from.is_empty() && import.to.is_empty();
            is_inner.then(|| {
                format!("{}: {item} is imported from the root, not from where it is defined", import.place)
            })
        });
        let edges = self.edges();
        let circles = edges.values().flat_map(|edges| circles(edges)).map(|circle| told(&circle));
        inline.chain(from_root).chain(circles).collect()
    }

    /// Returns the arrows between siblings, by the module they stand in (`""` is the root).
    fn edges(&self) -> BTreeMap<String, Vec<Edge>> {
        let mut edges: BTreeMap<String, Vec<Edge>> = BTreeMap::new();
        for import in self.imports() {
            let shared = import.from.iter().zip(&import.to).take_while(|(from, to)| from == to).count();
            if let (Some(from), Some(to)) = (import.from.get(shared), import.to.get(shared)) {
                let edge = Edge { from: from.clone(), to: to.clone(), place: import.place };
                edges.entry(import.from[..shared].join("::")).or_default().push(edge);
            }
        }
        edges
    }

    fn imports(&self) -> Vec<Import<'_>> {
        let mut imports = Vec::new();
        for (module, (place, source)) in &self.files {
            for path in &source.paths {
                let Some(absolute) = self.absolute(module, path) else { continue };
                let depth =
                    (0..=absolute.len()).rev().find(|depth| self.has(&absolute[..*depth])).unwrap_or(0);
                imports.push(Import {
                    from: module,
                    to: absolute[..depth].to_vec(),
                    item: absolute.get(depth).cloned(),
                    place: format!("{place}:{}", path.line),
                });
            }
        }
        imports
    }

    /// Returns a path from the root on; nothing for one that leads elsewhere.
    fn absolute(&self, module: &[String], path: &Path) -> Option<Vec<String>> {
        let (mut base, mut rest) = match path.segments[0].as_str() {
            "crate" => (&[][..], &path.segments[1..]),
            "self" => (module, &path.segments[1..]),
            "super" => (module, &path.segments[..]),
            child if self.has(&[module, &[child.to_owned()]].concat()) => (module, &path.segments[..]),
            _ => return None,
        };
        while let ["super", ..] = rest.iter().map(String::as_str).take(1).collect::<Vec<_>>().as_slice() {
            base = base.split_last().map_or(base, |(_, parent)| parent);
            rest = &rest[1..];
        }
        Some([base, rest].concat())
    }

    /// Tells whether there is such a module; a folder without a file of its own counts.
    fn has(&self, module: &[String]) -> bool {
        self.files.keys().any(|known| known.starts_with(module))
    }
}
