//! The form of `key=value` pairs: `host=db user=me dbname='my shop'`.

use super::secret::is_secret;

/// Writes the pairs with the values hidden that nobody may see.
pub(super) fn redacted(text: &str) -> String {
    let shown = pairs(text).into_iter().map(|(key, value)| {
        let value = if is_secret(&key) { "***".to_owned() } else { quoted(&value) };
        format!("{key}={value}")
    });
    shown.collect::<Vec<_>>().join(" ")
}

pub(super) fn with_database(text: &str, database: &str) -> String {
    let mut kept: Vec<String> = pairs(text)
        .into_iter()
        .filter(|(key, _)| key != "dbname")
        .map(|(key, value)| format!("{key}={}", quoted(&value)))
        .collect();
    kept.push(format!("dbname={}", quoted(database)));
    kept.join(" ")
}

pub(super) fn parameter(text: &str, key: &str) -> Option<String> {
    pairs(text).into_iter().rfind(|(name, _)| name == key).map(|(_, value)| value)
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
