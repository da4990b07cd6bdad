//! The numbered migrations, as they are compiled in.

use sha2::{Digest, Sha256};

/// One step of a component's schema: numbered from 1, never changed once released.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Which part of the schema it belongs to: `log` or `read_model`.
    pub component: &'static str,
    /// Its number within the component.
    pub number: i32,
    /// What it brings.
    pub name: &'static str,
    /// Its SQL, written for the schema `annals`.
    pub sql: &'static str,
}

macro_rules! migration {
    ($component:literal, $number:literal, $name:literal, $file:literal) => {
        Migration {
            component: $component,
            number: $number,
            name: $name,
            sql: include_str!(concat!("../migrations/", $component, "/", $file)),
        }
    };
}

/// Everything this library installs, in the order in which it is installed.
const MIGRATIONS: &[Migration] = &[
    migration!("log", 1, "tables", "0001_tables.sql"),
    migration!("log", 2, "fence", "0002_fence.sql"),
    migration!("log", 3, "checks", "0003_checks.sql"),
    migration!("log", 4, "append", "0004_append.sql"),
    migration!("log", 5, "read", "0005_read.sql"),
    migration!("log", 6, "append_many", "0006_append_many.sql"),
    migration!("log", 7, "snapshots", "0007_snapshots.sql"),
    migration!("log", 8, "read_filtered", "0008_read_filtered.sql"),
    migration!("log", 9, "decisions", "0009_decisions.sql"),
    migration!("log", 10, "deletion", "0010_deletion.sql"),
    migration!("log", 11, "scrub", "0011_scrub.sql"),
    migration!("log", 12, "repair", "0012_repair.sql"),
    migration!("log", 13, "claims", "0013_claims.sql"),
    migration!("read_model", 1, "checkpoints", "0001_checkpoints.sql"),
    migration!("read_model", 2, "leases", "0002_leases.sql"),
    migration!("read_model", 3, "runners", "0003_runners.sql"),
    migration!("read_model", 4, "parked", "0004_parked.sql"),
    migration!("read_model", 5, "skip", "0005_skip.sql"),
    migration!("read_model", 6, "rebuilds", "0006_rebuilds.sql"),
];

/// The components, in the order in which they are installed.
pub(crate) const COMPONENTS: &[&str] = &["log", READ_MODELS];

/// The component that is all a database of read models needs, where the log is in another one.
pub(crate) const READ_MODELS: &str = "read_model";

/// What must be there once everything is installed: tables and sequences, then functions.
pub(crate) const RELATIONS: &[&str] = &[
    "streams",
    "events",
    "events_position_seq",
    "idempotency_keys",
    "idempotency_parts",
    "lineage",
    "snapshots",
    "claims",
    "claim_releases",
    "deletions",
    "scrubbed",
];
/// The tables of read models, which may be in a database of their own.
pub(crate) const READ_MODEL_RELATIONS: &[&str] =
    &["checkpoints", "control", "leases", "parked", "projection_audit", "projections", "rebuilds", "runners"];
pub(crate) const FUNCTIONS: &[&str] = &[
    "append",
    "append_event",
    "append_first_event",
    "append_decisions",
    "append_events",
    "append_many_claiming",
    "append_many_events",
    "claim_holder",
    "close_key",
    "delete_stream",
    "enter_fence",
    "examine_log",
    "find_claim",
    "head",
    "look",
    "prune_snapshots",
    "read_all",
    "read_filtered_page",
    "read_log_page",
    "read_stream",
    "refuse_append",
    "release_claim",
    "repair_log",
    "scrub_stream",
    "tombstone_stream",
    "truncate_stream",
    "wake",
    "write_snapshot",
];

/// Returns every migration this library knows, in the order in which they are applied.
pub fn migrations() -> &'static [Migration] {
    MIGRATIONS
}

/// Returns a text that changes whenever any migration changes, or the roles do; good as a key for template databases.
pub fn migrations_fingerprint() -> String {
    let mut all = Sha256::new();
    all.update(include_str!("../roles/roles.sql"));
    for migration in MIGRATIONS {
        all.update(migration.hash());
    }
    hex(&all.finalize())
}

impl Migration {
    /// Returns the hash by which an installed migration is recognised.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.sql.as_bytes()))
    }
}

/// Returns how many migrations of a component this library knows.
pub(crate) fn known(component: &str) -> i32 {
    MIGRATIONS
        .iter()
        .filter(|migration| migration.component == component)
        .map(|m| m.number)
        .max()
        .unwrap_or(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_component_counts_its_migrations_from_one() {
        for component in COMPONENTS {
            let numbers: Vec<_> =
                MIGRATIONS.iter().filter(|m| m.component == *component).map(|m| m.number).collect();
            assert_eq!(numbers, (1..=known(component)).collect::<Vec<_>>(), "{component}");
        }
        assert_eq!(MIGRATIONS.len(), COMPONENTS.iter().map(|c| known(c) as usize).sum::<usize>());
    }
}
