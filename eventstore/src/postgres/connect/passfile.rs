//! The password file: libpq's `~/.pgpass`, `PGPASSFILE` and `passfile=`.
//!
//! One line is `host:port:database:user:password`; `*` stands for anything, `\` takes the next character,
//! `#` begins a comment. The first line that fits counts. A file that others may read is not used.

use std::path::{Path, PathBuf};

use tracing::warn;

/// The lines of a password file.
#[derive(Default)]
pub(super) struct Passfile(String);

/// What a password is looked up for.
pub(super) struct Wanted<'a> {
    /// Every name of the host; one of them has to fit.
    pub(super) hosts: &'a [String],
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

impl Passfile {
    /// Reads a file; one that is absent or must not be used is as good as empty.
    pub(super) fn read(path: &Path) -> Self {
        let Ok(metadata) = std::fs::metadata(path) else { return Self::default() };
        if !metadata.is_file() {
            warn!(path = %path.display(), "password file is no plain file and is ignored");
            return Self::default();
        }
        if others_may_read(&metadata) {
            warn!(
                path = %path.display(),
                "password file is ignored because group or others have access to it; chmod 600 helps"
            );
            return Self::default();
        }
        match std::fs::read_to_string(path) {
            Ok(lines) => Self(lines),
            Err(error) => {
                warn!(path = %path.display(), %error, "password file cannot be read and is ignored");
                Self::default()
            }
        }
    }

    /// Returns the password of the first line that fits.
    pub(super) fn password(&self, wanted: &Wanted<'_>) -> Option<String> {
        self.0.lines().find_map(|line| password_in(line, wanted))
    }
}

/// The file libpq would look into: `PGPASSFILE`, else `~/.pgpass`.
pub(super) fn default_path() -> Option<PathBuf> {
    match std::env::var_os("PGPASSFILE").filter(|path| !path.is_empty()) {
        Some(path) => Some(path.into()),
        None => Some(std::env::home_dir()?.join(".pgpass")),
    }
}

#[cfg(unix)]
fn others_may_read(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &std::fs::Metadata) -> bool {
    false
}

fn password_in(line: &str, wanted: &Wanted<'_>) -> Option<String> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let mut fields = Fields(line);
    let host = fields.next()?;
    let fits = wanted.hosts.iter().any(|wanted| host.fits(wanted))
        && fields.next()?.fits(&wanted.port.to_string())
        && fields.next()?.fits(wanted.database)
        && fields.next()?.fits(wanted.user);
    let password = fits.then(|| fields.next()).flatten()?.text;
    Some(password).filter(|password| !password.is_empty())
}

struct Field {
    text: String,
    /// A bare `*`, not an escaped one.
    anything: bool,
}

impl Field {
    fn fits(&self, wanted: &str) -> bool {
        self.anything || self.text == wanted
    }
}

/// The fields of a line, between colons that are not escaped.
struct Fields<'a>(&'a str);

impl Iterator for Fields<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        if self.0.is_empty() {
            return None;
        }
        let mut text = String::new();
        let mut characters = self.0.char_indices();
        let mut end = self.0.len();
        while let Some((at, character)) = characters.next() {
            match character {
                ':' => {
                    end = at;
                    break;
                }
                '\\' => text.push(characters.next().map_or('\\', |(_, escaped)| escaped)),
                plain => text.push(plain),
            }
        }
        let anything = &self.0[..end] == "*";
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        Some(Field { text, anything })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "\
# comment:5432:shop:ann:no
one:5432:shop:ann:first
one:5432:shop:ann:second
\\*:*:*:*:star
with\\:colon:*:*:*:p\\:a\\\\ss
localhost:*:*:ben:local\r
*:5433:*:*:any host
two:*:*:*
three:*:*:*:
";

    fn password(host: &str, port: u16, user: &str) -> Option<String> {
        let hosts = [host.to_owned()];
        Passfile(LINES.into()).password(&Wanted { hosts: &hosts, port, database: "shop", user })
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        assert_eq!(password("one", 5432, "ann").as_deref(), Some("first"));
        assert_eq!(password("one", 5433, "ann").as_deref(), Some("any host"));
        assert_eq!(password("one", 5432, "ben"), None);
        assert_eq!(password("comment", 5432, "ann"), None);
    }

    #[test]
    fn escapes_are_taken_literally() {
        assert_eq!(password("with:colon", 1, "x").as_deref(), Some(r"p:a\ss"));
        assert_eq!(password("*", 1, "x").as_deref(), Some("star"));
        assert_eq!(password("other", 1, "x"), None, "an escaped star is no wildcard");
        assert_eq!(password("localhost", 1, "ben").as_deref(), Some("local"));
    }

    #[test]
    fn a_line_without_a_password_gives_none() {
        assert_eq!(password("two", 1, "x"), None);
        assert_eq!(password("three", 1, "x"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_ignored() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("annals-passfile-{}", std::process::id()));
        std::fs::write(&path, "*:*:*:*:secret\n").unwrap();
        let hosts = ["one".to_owned()];
        let read_with = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Passfile::read(&path).password(&Wanted { hosts: &hosts, port: 1, database: "d", user: "u" })
        };

        let (private, shared) = (read_with(0o600), read_with(0o640));

        std::fs::remove_file(&path).unwrap();
        assert_eq!(private.as_deref(), Some("secret"));
        assert_eq!(shared, None);
    }
}
