//! The URL form: `postgres://user:password@host/database?key=value`.

use std::path::Path;

use super::secret::is_secret;

/// A URL, cut where the driver cuts it.
pub(super) struct Url<'a> {
    /// Scheme, user and password, hosts.
    front: &'a str,
    query: Option<&'a str>,
}

impl<'a> Url<'a> {
    /// `None` for a text that is no URL of PostgreSQL.
    pub(super) fn split(text: &'a str) -> Option<Url<'a>> {
        let scheme =
            ["postgres://", "postgresql://"].into_iter().find(|scheme| text.starts_with(scheme))?.len();
        let hosts = text[scheme..].find('@').map_or(scheme, |at| scheme + at + 1);
        let path = text[hosts..].find(['/', '?']).map_or(text.len(), |end| hosts + end);
        let query = text[path..].find('?').map(|mark| &text[path + mark + 1..]);
        Some(Url { front: &text[..path], query })
    }

    pub(super) fn with_database(&self, database: &str) -> String {
        let kept: Vec<&str> =
            self.pairs().filter(|pair| !pair.is_empty() && !pair.starts_with("dbname=")).collect();
        let mark = if kept.is_empty() { "" } else { "?" };
        format!("{}/{}{mark}{}", self.front, percent_encoded(database), kept.join("&"))
    }

    pub(super) fn parameter(&self, key: &str) -> Option<&'a str> {
        let values = self.pairs().filter_map(|pair| pair.split_once('=').filter(|(name, _)| *name == key));
        values.last().map(|(_, value)| value)
    }

    fn pairs(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.query.into_iter().flat_map(|query| query.split('&'))
    }
}

/// Hides everything between the user's name and the last `@`, so that a password with a raw `@` or `/` in it
/// is hidden to its end.
pub(super) fn redacted(text: &str) -> String {
    let scheme = text.find("://").map_or(0, |at| at + 3);
    let (credentials, rest) = match text.rfind('@') {
        Some(at) if at >= scheme => (&text[scheme..at], &text[at..]),
        _ => ("", &text[scheme..]),
    };
    let credentials = match credentials.split_once(':') {
        Some((user, _)) => format!("{user}:***"),
        None => credentials.to_owned(),
    };
    let rest = match rest.split_once('?') {
        Some((path, query)) => {
            let pairs: Vec<String> = query
                .split('&')
                .map(|pair| match pair.split_once('=') {
                    Some((key, _)) if is_secret(key) => format!("{key}=***"),
                    _ => pair.to_owned(),
                })
                .collect();
            format!("{path}?{}", pairs.join("&"))
        }
        None => rest.to_owned(),
    };
    format!("{}{credentials}{rest}", &text[..scheme])
}

/// Writes the URL of a database that is reached through the socket in a folder.
pub(crate) fn through_socket(user: &str, folder: &Path, database: &str) -> String {
    let host = percent_encoded(&folder.display().to_string());
    format!("postgres://{user}@{host}/{}", percent_encoded(database))
}

/// Writes a text so that it can stand in a URL in the place of a host, a user or a database.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}
