//! The names of test databases: who made them, so that those of dead processes can be told from live ones.
//!
//! `annals_test_<boot>_<process namespace>_<process id>_<start of the process>_<number>`

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{host, process};

/// Prefix of the names of test databases.
pub(crate) const PREFIX: &str = "annals_test_";

/// The process that made a test database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Maker {
    boot: String,
    namespace: String,
    pid: u32,
    started: u64,
}

/// What is known about the process that made a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    Dead,
    /// It is counted elsewhere: on another machine, or in another container of this one.
    Elsewhere,
    /// It was of another boot: dead if the server runs on this machine, else elsewhere.
    OtherBoot,
}

/// Returns a name that no other test database has or had.
pub(crate) fn fresh() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let pid = std::process::id();
    let started = process::started(pid).unwrap_or_default();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}_{}_{pid}_{started:x}_{number}", host::boot(), host::pid_namespace())
}

impl Maker {
    /// Reads a name; `None` for one that is not of this form.
    pub(crate) fn of(name: &str) -> Option<Maker> {
        let mut parts = name.strip_prefix(PREFIX)?.split('_');
        let maker = Maker {
            boot: parts.next()?.to_owned(),
            namespace: parts.next()?.to_owned(),
            pid: parts.next()?.parse().ok()?,
            started: u64::from_str_radix(parts.next()?, 16).ok()?,
        };
        parts.next()?.parse::<u32>().ok()?;
        parts.next().is_none().then_some(maker)
    }

    /// Returns whether the process lives, as far as that can be known from here.
    pub(crate) fn life(&self) -> Life {
        if self.boot != host::boot() {
            Life::OtherBoot
        } else if self.namespace != host::pid_namespace() {
            Life::Elsewhere
        } else if process::started(self.pid) == Some(self.started) {
            Life::Alive
        } else {
            Life::Dead
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_name_fits_names_this_process_and_is_never_given_twice() {
        let (one, two) = (fresh(), fresh());
        assert_ne!(one, two);
        assert!(one.len() <= 63, "{one}");
        assert_eq!(Maker::of(&one).unwrap().life(), Life::Alive);
    }

    #[test]
    fn a_reused_process_id_is_not_taken_for_the_maker() {
        let mut maker = Maker::of(&fresh()).unwrap();
        maker.started += 1;
        assert_eq!(maker.life(), Life::Dead);
    }

    #[test]
    fn processes_of_another_boot_or_container_are_not_called_dead() {
        let mut maker = Maker::of(&fresh()).unwrap();
        maker.namespace = "zzzz".to_owned();
        assert_eq!(maker.life(), Life::Elsewhere);
        maker.boot = "zzzzzzzz".to_owned();
        assert_eq!(maker.life(), Life::OtherBoot);
    }

    #[test]
    fn other_databases_are_not_read_as_ours() {
        for name in [
            "postgres",
            "annals_test_",
            "annals_test_a_b_c_d_e",
            "annals_test_a_b_1_2",
            "annals_test_a_b_1_2_3_4",
        ] {
            assert_eq!(Maker::of(name), None, "{name}");
        }
    }
}
