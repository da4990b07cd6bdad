//! Who depends on whom, as the manifests say.

use std::path::Path;
use std::{fs, io};

use super::graph::Edge;

/// The name of the facade's package; all others of ours begin with it and a `-`.
pub(super) const FACADE: &str = "annals";

/// One manifest, read as far as its dependencies on packages of ours go.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub(super) package: String,
    /// What the package itself needs, also to build.
    pub(super) needs: Vec<Edge>,
    /// What only its tests, examples and benchmarks need.
    pub(super) tested_with: Vec<Edge>,
}

/// Reads the manifests of a workspace: its root package's and its members'.
pub(super) fn read(workspace: &Path) -> io::Result<Vec<Manifest>> {
    let root = fs::read_to_string(workspace.join("Cargo.toml"))?;
    let mut manifests = vec![Manifest::parse(&root, "Cargo.toml")];
    for member in members(&root) {
        let place = format!("{member}/Cargo.toml");
        manifests.push(Manifest::parse(&fs::read_to_string(workspace.join(&place))?, &place));
    }
    Ok(manifests)
}

/// Returns the folders of the members of a workspace.
pub(super) fn members(root: &str) -> Vec<String> {
    let list = root.lines().skip_while(|line| !line.starts_with("members")).skip(1);
    let entries = list.take_while(|line| !line.starts_with(']')).filter(|line| !line.trim().starts_with('#'));
    entries.map(|line| line.trim().trim_matches([',', '"']).to_owned()).collect()
}

impl Manifest {
    /// Parses a manifest whose tables and keys stand on lines of their own, as `cargo` writes them.
    pub(super) fn parse(text: &str, place: &str) -> Self {
        let mut manifest = Self::default();
        let mut table = String::new();
        for (number, line) in (1..).zip(text.lines()) {
            let place = format!("{place}:{number}");
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
                name.clone_into(&mut table);
                // A dependency can be a table of its own: `[dependencies.annals-eventstore]`.
                if let Some((_, package)) = table.rsplit_once("dependencies.") {
                    manifest.take(&table, package, &place);
                }
            } else if table == "package" && line.starts_with("name") {
                manifest.package = line.split('"').nth(1).unwrap_or_default().to_owned();
            } else if table.ends_with("dependencies") {
                let key = line.split(['=', '.', ' ']).next().unwrap_or_default().trim_matches('"');
                manifest.take(&table, renamed(line).unwrap_or(key), &place);
            } else if let Some(package) = renamed(line) {
                manifest.take(&table, package, &place);
            }
        }
        for edge in manifest.needs.iter_mut().chain(&mut manifest.tested_with) {
            edge.from.clone_from(&manifest.package);
        }
        manifest
    }

    fn take(&mut self, table: &str, package: &str, place: &str) {
        let is_ours = package == FACADE || package.starts_with(&format!("{FACADE}-"));
        if !is_ours || table.starts_with("workspace") {
            return;
        }
        let edge = Edge { from: String::new(), to: package.to_owned(), place: place.to_owned() };
        if table.contains("dev-dependencies") {
            self.tested_with.push(edge);
        } else {
            self.needs.push(edge);
        }
    }
}

/// Returns the package behind another name: `store = { package = "annals-eventstore" }`.
fn renamed(line: &str) -> Option<&str> {
    let (_, behind) = line.split_once("package")?;
    behind.trim_start().strip_prefix('=')?.split('"').nth(1)
}
