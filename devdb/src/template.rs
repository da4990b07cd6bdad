//! What a template is known by: its name, and that of its database.
//!
//! Leaves to others: setting it up (`template_setup`), copying it (`test_database`).

use crate::host::hashed;

/// Prefix of the names of templates.
pub(crate) const PREFIX: &str = "annals_template_";
const BUILDING: &str = "annals_building_";
/// What a template database is known by: a name for people, a fingerprint of what is in it.
///
/// Another fingerprint means another template; those that nobody used for a day are dropped.
///
/// # Examples
///
/// ```
/// # use annals_devdb::Template;
/// let old = Template::new("bank", "create table accounts (id bigint)");
/// let new = Template::new("bank", "create table accounts (id bigint, owner text)");
/// assert_ne!(old.database(), new.database());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    suffix: String,
}

impl Template {
    /// Describes a template. The fingerprint may be of any length: a hash, a list of migrations, the whole SQL.
    pub fn new(name: &str, fingerprint: &str) -> Template {
        let readable: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .take(20)
            .collect();
        // The whole name is hashed too: two long names may be cut to the same one.
        Template { suffix: format!("{readable}_{}", hashed(&format!("{name}\n{fingerprint}"), 12)) }
    }

    /// Returns the name of the template database.
    pub fn database(&self) -> String {
        format!("{PREFIX}{}", self.suffix)
    }

    /// Returns the name of the database while it is being set up.
    pub(crate) fn unfinished(&self) -> String {
        format!("{BUILDING}{}", self.suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_s_name_fits_and_tells_name_and_fingerprint_apart() {
        let long = Template::new("A very long name: with Ümlauts, and more", "x");
        assert!(long.database().len() <= 63 && long.database().is_ascii(), "{}", long.database());
        assert_ne!(Template::new("a", "1"), Template::new("a", "2"));
        assert_ne!(Template::new("a", "1"), Template::new("b", "1"));
        assert_eq!(Template::new("a", "1"), Template::new("a", "1"));
    }
}
