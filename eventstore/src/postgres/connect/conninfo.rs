//! Connection strings, taken apart: a URL or libpq's `key=value` pairs become one list of options.
//!
//! Guarantees: no error repeats a piece of the text that could belong to a password.
//!
//! Leaves to others: what the options mean (`options`, `endpoint`, `encryption`).

use super::error::InvalidConnectOptions;

/// The options of a connection string, in their order; the last of several equal keys counts.
#[derive(Default)]
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Takes a connection string apart.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidConnectOptions> {
        let url = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        match url {
            Some(rest) => parse_url(rest),
            None => parse_words(text),
        }
    }

    /// Removes an option and returns its value; an empty one counts as not given, as in libpq.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        let last = self.0.iter().rposition(|(name, _)| name == key)?;
        let value = std::mem::take(&mut self.0[last].1);
        self.0.retain(|(name, _)| name != key);
        Some(value).filter(|value| !value.is_empty())
    }

    /// Returns what nobody has taken.
    pub(super) fn rest(self) -> Vec<(String, String)> {
        self.0
    }

    fn push(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.push((key.into(), value.into()));
    }
}

fn malformed(reason: &'static str) -> InvalidConnectOptions {
    InvalidConnectOptions::Malformed { reason }
}

/// `[user[:password]@][host[:port],…][/database][?key=value&…]`, as libpq reads it.
fn parse_url(rest: &str) -> Result<Pairs, InvalidConnectOptions> {
    let mut pairs = Pairs::default();
    let rest = match rest.split_once(['@', '/']) {
        Some((credentials, behind)) if rest.as_bytes()[credentials.len()] == b'@' => {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            pairs.push("user", decode(user)?);
            pairs.push("password", decode(password)?);
            behind
        }
        _ => rest,
    };
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = address.split_once('/').unwrap_or((address, ""));
    if hosts.contains(':') && database.contains('@') {
        return Err(malformed("there is a `/` before the `@`; write the one in the password as %2F"));
    }
    if !hosts.is_empty() {
        parse_hosts(hosts, &mut pairs)?;
    }
    pairs.push("dbname", decode(database)?);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=').ok_or(malformed("a parameter behind `?` has no `=`"))?;
        match (decode(key)?.as_str(), decode(value)?) {
            ("ssl", value) if value == "true" => pairs.push("sslmode", "require"),
            (key, value) => pairs.push(key, value),
        }
    }
    Ok(pairs)
}

fn parse_hosts(hosts: &str, pairs: &mut Pairs) -> Result<(), InvalidConnectOptions> {
    if hosts.contains('@') {
        return Err(malformed("there are two `@`; write the one in the password as %40"));
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[') {
            Some(address) => {
                let (name, behind) =
                    address.split_once(']').ok_or(malformed("an address in `[` has no `]`"))?;
                (name, behind.strip_prefix(':').unwrap_or(behind))
            }
            None => host.split_once(':').unwrap_or((host, "")),
        };
        names.push(decode(name)?);
        ports.push(decode(port)?);
    }
    pairs.push("host", names.join(","));
    // One port stands for all hosts, so a list in which none is given is no list.
    let ports = if ports.iter().all(String::is_empty) { String::new() } else { ports.join(",") };
    pairs.push("port", ports);
    Ok(())
}

fn decode(text: &str) -> Result<String, InvalidConnectOptions> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let code = rest.split_at_checked(2).and_then(|(code, behind)| {
            rest = behind;
            let code = str::from_utf8(code).ok().filter(|code| !code.starts_with('+'))?;
            u8::from_str_radix(code, 16).ok()
        });
        match code {
            None => {
                return Err(malformed("a `%` is not followed by two hexadecimal digits; write it as %25"));
            }
            Some(0) => return Err(malformed("it holds %00")),
            Some(byte) => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8 behind its `%`"))
}

/// `key = value` pairs between blanks; values with blanks stand in `'`, and `\` takes the next character.
fn parse_words(text: &str) -> Result<Pairs, InvalidConnectOptions> {
    let mut pairs = Pairs::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, behind) = rest.split_once('=').ok_or(malformed("a word has no `=` behind it"))?;
        let key = key.trim_end();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(malformed("a word has no `=` behind it; values with blanks stand in '…'"));
        }
        let (value, behind) = parse_value(behind.trim_start())?;
        pairs.push(key, value);
        rest = behind.trim_start();
    }
    Ok(pairs)
}

fn parse_value(text: &str) -> Result<(String, &str), InvalidConnectOptions> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            blank if !quoted && blank.is_whitespace() => return Ok((value, &text[at..])),
            plain => value.push(plain),
        }
    }
    if quoted { Err(malformed("a value in '…' has no end")) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(String, String)> {
        let mut pairs = Pairs::parse(text).unwrap().rest();
        pairs.retain(|(_, value)| !value.is_empty());
        pairs
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_url_gives_all_its_parts() {
        assert_eq!(
            parts(
                "postgres://ann:p%40ss%2Fword@one:5433,[::1],%2Frun%2Fpg:5434/shop?sslmode=require&a=b%20c"
            ),
            owned(&[
                ("user", "ann"),
                ("password", "p@ss/word"),
                ("host", "one,::1,/run/pg"),
                ("port", "5433,,5434"),
                ("dbname", "shop"),
                ("sslmode", "require"),
                ("a", "b c"),
            ])
        );
        assert_eq!(
            parts("postgresql:///shop?host=/run/pg"),
            owned(&[("dbname", "shop"), ("host", "/run/pg")])
        );
        assert_eq!(parts("postgresql://one?ssl=true"), owned(&[("host", "one"), ("sslmode", "require")]));
        assert_eq!(parts("postgresql://"), owned(&[]));
    }

    #[test]
    fn an_at_sign_behind_the_host_belongs_to_no_credentials() {
        assert_eq!(
            parts("postgres://one/shop?application_name=a@b"),
            owned(&[("host", "one"), ("dbname", "shop"), ("application_name", "a@b")])
        );
    }

    #[test]
    fn words_may_be_quoted_and_escaped() {
        assert_eq!(
            parts(r"host = one  password='it\'s \\ me' options=-c\ a=b dbname=''"),
            owned(&[("host", "one"), ("password", r"it's \ me"), ("options", "-c a=b")])
        );
        assert!(parts("  ").is_empty());
    }

    #[test]
    fn the_last_of_equal_options_counts() {
        let mut pairs = Pairs::parse("host=one host=two").unwrap();
        assert_eq!(pairs.take("host").as_deref(), Some("two"));
        assert!(pairs.rest().is_empty());
    }

    #[test]
    fn a_refusal_never_repeats_the_text() {
        for text in [
            "postgres://ann:secret@secret@one/shop",
            "postgres://ann:sec/secret@one/shop",
            "postgres://ann:%zzsecret@one",
            "postgres://ann:%secret",
            "postgres://ann:secret@[one",
            "postgres://ann:secret@one?secret",
            "password=secret secret",
            "password='secret",
            "password=secret secret more=1",
            "secret",
        ] {
            let refused = Pairs::parse(text).err().unwrap_or_else(|| panic!("{text} was taken"));
            assert!(!format!("{refused} {refused:?}").contains("secret"), "{refused}");
        }
    }
}
