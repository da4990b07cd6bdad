//! Connection strings: another database put into them, the password kept out of what is printed.
//!
//! Both forms that `tokio_postgres` reads are handled: URLs and `key=value` strings. A URL is taken apart at
//! the same characters as there, so that the string that is rewritten is the one that connects.
//!
//! Guarantees
//! - `Debug` and `Display` never show a password;
//! - only the database changes in `with_database`: query parameters and other keys stay.

use std::fmt;

/// A connection string that never prints its password.
///
/// # Examples
///
/// ```
/// # use annals_devdb::DatabaseUrl;
/// let url = DatabaseUrl::new("postgres://me:secret@db/shop?connect_timeout=5");
/// assert_eq!(url.with_database("test"), "postgres://me:secret@db/test?connect_timeout=5");
/// assert_eq!(url.to_string(), "postgres://me:***@db/shop?connect_timeout=5");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Takes a connection string as it is; whether it can be read shows when connecting.
    pub fn new(text: impl Into<String>) -> DatabaseUrl {
        DatabaseUrl(text.into())
    }

    /// Returns the connection string, password and all.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the connection string with another database in it, password and all.
    pub fn with_database(&self, database: &str) -> String {
        match Url::split(&self.0) {
            Some(url) => url.with_database(database),
            None => pairs_with_database(&self.0, database),
        }
    }

    /// Returns the database that the string names, if it names one.
    pub fn database(&self) -> Option<String> {
        self.0
            .parse::<tokio_postgres::Config>()
            .ok()
            .and_then(|config| config.get_dbname().map(str::to_owned))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match Url::split(&self.0) {
            Some(_) => redacted_url(&self.0),
            None => redacted_pairs(&self.0),
        })
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Writes a text so that it can stand in a URL in the place of a host, a user or a database.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}

/// Hides the passwords of all URLs in a text that another program printed.
pub(crate) fn redacted_text(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| match (word.find("://"), word.rfind('@')) {
            (Some(scheme), Some(at)) if scheme < at => format!("{}://***{}", &word[..scheme], &word[at..]),
            _ => word.to_owned(),
        })
        .collect()
}

struct Url<'a> {
    /// Scheme, user and password, hosts.
    front: &'a str,
    query: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn split(text: &'a str) -> Option<Url<'a>> {
        let scheme =
            ["postgres://", "postgresql://"].into_iter().find(|scheme| text.starts_with(scheme))?.len();
        let hosts = text[scheme..].find('@').map_or(scheme, |at| scheme + at + 1);
        let path = text[hosts..].find(['/', '?']).map_or(text.len(), |end| hosts + end);
        let query = text[path..].find('?').map(|mark| &text[path + mark + 1..]);
        Some(Url { front: &text[..path], query })
    }

    fn with_database(&self, database: &str) -> String {
        let kept: Vec<&str> = self
            .query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .filter(|pair| !pair.is_empty() && !pair.starts_with("dbname="))
            .collect();
        let mark = if kept.is_empty() { "" } else { "?" };
        format!("{}/{}{mark}{}", self.front, percent_encoded(database), kept.join("&"))
    }
}

/// Hides everything between the user's name and the last `@`, so that a password with a raw `@` or `/` in it
/// is hidden to its end.
fn redacted_url(text: &str) -> String {
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

fn redacted_pairs(text: &str) -> String {
    let shown = pairs(text).into_iter().map(|(key, value)| {
        let value = if is_secret(&key) { "***".to_owned() } else { quoted(&value) };
        format!("{key}={value}")
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn pairs_with_database(text: &str, database: &str) -> String {
    let mut kept: Vec<String> = pairs(text)
        .into_iter()
        .filter(|(key, _)| key != "dbname")
        .map(|(key, value)| format!("{key}={}", quoted(&value)))
        .collect();
    kept.push(format!("dbname={}", quoted(database)));
    kept.join(" ")
}

fn is_secret(key: &str) -> bool {
    key.to_ascii_lowercase().contains("password")
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Reads `key = value` pairs; a value may stand in single quotes, a backslash takes the next character as it is.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=') {
            key.push(c);
        }
        if chars.next().is_none() {
            return found;
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let in_quotes = chars.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        while let Some(c) = chars.next_if(|c| in_quotes || !c.is_whitespace()) {
            match c {
                '\\' => value.extend(chars.next()),
                '\'' if in_quotes => break,
                other => value.push(other),
            }
        }
        found.push((key.trim_end().to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        DatabaseUrl::new(text).with_database("other")
    }

    fn shown(text: &str) -> String {
        DatabaseUrl::new(text).to_string()
    }

    #[test]
    fn the_database_of_a_url_is_replaced_and_the_rest_stays() {
        assert_eq!(rewritten("postgres://db"), "postgres://db/other");
        assert_eq!(rewritten("postgres://db/"), "postgres://db/other");
        assert_eq!(rewritten("postgresql://me@db:5433/shop"), "postgresql://me@db:5433/other");
        assert_eq!(rewritten("postgres://db?sslmode=disable"), "postgres://db/other?sslmode=disable");
        assert_eq!(
            rewritten("postgres://a:1,b:2/shop?options=-c%20x&y=1"),
            "postgres://a:1,b:2/other?options=-c%20x&y=1"
        );
        assert_eq!(rewritten("postgres://me@%2Ftmp%2Frun/shop"), "postgres://me@%2Ftmp%2Frun/other");
        assert_eq!(rewritten("postgres://db/shop?dbname=later&a=b"), "postgres://db/other?a=b");
    }

    #[test]
    fn odd_characters_in_a_password_survive_the_rewriting() {
        for password in ["p%40ss", "sl/ash", "que?stion", "a:b:c", "%25&=", "ünï"] {
            let url = rewritten(&format!("postgres://me:{password}@db:1/shop?application_name=x"));
            assert_eq!(url, format!("postgres://me:{password}@db:1/other?application_name=x"));
        }
        let config: tokio_postgres::Config = rewritten("postgres://me:sl/a?sh%40@db/shop").parse().unwrap();
        assert_eq!(config.get_password(), Some(b"sl/a?sh@".as_slice()));
        assert_eq!(config.get_dbname(), Some("other"));
    }

    #[test]
    fn a_database_with_odd_characters_is_encoded() {
        let url = DatabaseUrl::new("postgres://db/x").with_database("a b/c?d");
        let config: tokio_postgres::Config = url.parse().unwrap();
        assert_eq!(config.get_dbname(), Some("a b/c?d"));
    }

    #[test]
    fn the_database_of_a_key_value_string_is_replaced() {
        let text = r"host=db  port = 5433 user='me too' password='it\'s \\ here' dbname=shop";
        let config: tokio_postgres::Config = rewritten(text).parse().unwrap();
        assert_eq!(config.get_dbname(), Some("other"));
        assert_eq!(config.get_user(), Some("me too"));
        assert_eq!(config.get_password(), Some(br"it's \ here".as_slice()));
        assert_eq!(config.get_ports(), [5433]);
    }

    #[test]
    fn no_password_is_ever_printed() {
        let secrets = [
            "postgres://me:hidden@db/shop",
            "postgres://me:hid@hidden@db/shop",
            "postgres://me:hidden/hidden?x@db/shop",
            "postgres://db/shop?user=me&password=hidden",
            "postgres://db/shop?sslpassword=hidden&a=b",
            "host=db password=hidden user=me",
            r"host=db password='a hid\'hidden' user=me",
        ];
        for text in secrets {
            assert!(!shown(text).contains("hidden"), "{}", shown(text));
            assert!(shown(text).contains("***"), "{}", shown(text));
            assert!(!format!("{:?}", DatabaseUrl::new(text)).contains("hidden"));
        }
        assert_eq!(shown("postgres://me@db/shop"), "postgres://me@db/shop");
    }

    #[test]
    fn urls_in_the_output_of_other_programs_lose_their_credentials() {
        assert_eq!(
            redacted_text("Looking in https://u:pw@host/simple now\n"),
            "Looking in https://***@host/simple now\n"
        );
        assert_eq!(redacted_text("no url, me@there"), "no url, me@there");
    }

    #[test]
    fn the_database_is_read_from_both_forms() {
        assert_eq!(DatabaseUrl::new("postgres://db/shop").database().as_deref(), Some("shop"));
        assert_eq!(DatabaseUrl::new("host=db dbname=shop").database().as_deref(), Some("shop"));
        assert_eq!(DatabaseUrl::new("postgres://db").database(), None);
    }
}
