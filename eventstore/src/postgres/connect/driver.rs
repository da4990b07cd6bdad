//! What is handed on to the driver as it is, under the defaults of a connection that notices its own end.

use std::time::Duration;

use tokio_postgres::Config;

use super::conninfo::Pairs;
use super::error::InvalidConnectOptions;

/// How long sent data may stay unacknowledged, unless `tcp_user_timeout` says otherwise.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that is silent for so long is probed …
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// … so often …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// … so many times.
const KEEPALIVE_RETRIES: u32 = 3;
/// What `pg_stat_activity` shows.
const APPLICATION_NAME: &str = "annals";

/// Options of the driver that are handed on as they are.
const DRIVER_OPTIONS: [&str; 9] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "channel_binding",
];

/// Options of libpq that ask for something no connection of ours gives.
const UNSUPPORTED_OPTIONS: [&str; 11] = [
    "gssdelegation",
    "krbsrvname",
    "replication",
    "require_auth",
    "service",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslpassword",
    "ssl_max_protocol_version",
];

/// Options of libpq that change nothing here.
const IDLE_OPTIONS: [&str; 5] = ["client_encoding", "gssencmode", "requiressl", "sslcompression", "sslsni"];

/// Hands the remaining options to the driver, one by one, so that an error can name the culprit.
pub(super) fn driver_config(mut pairs: Pairs) -> Result<Config, InvalidConnectOptions> {
    let fallback_name = pairs.take("fallback_application_name");
    let user_timeout = take_number(&mut pairs, "tcp_user_timeout")?.map(Duration::from_millis);
    let retries = match take_number(&mut pairs, "keepalives_count")? {
        None => take_number(&mut pairs, "keepalives_retries")?,
        count => count,
    };
    let mut words = format!(
        "keepalives_idle={} keepalives_interval={} keepalives_retries={}",
        KEEPALIVE_IDLE.as_secs(),
        KEEPALIVE_INTERVAL.as_secs(),
        retries.unwrap_or(KEEPALIVE_RETRIES.into()),
    );
    let mut password_seen = false;
    for (key, value) in pairs.rest().into_iter().filter(|(_, value)| !value.is_empty()) {
        if IDLE_OPTIONS.contains(&key.as_str()) {
            continue;
        }
        let Some(option) = DRIVER_OPTIONS.into_iter().find(|option| *option == key) else {
            return Err(unknown(key, password_seen));
        };
        password_seen |= option == "password";
        let word = format!("{option}='{}'", value.replace('\\', r"\\").replace('\'', r"\'"));
        word.parse::<Config>().map_err(|_| InvalidConnectOptions::value(option, takes(option)))?;
        words.push(' ');
        words.push_str(&word);
    }
    let mut config: Config =
        words.parse().map_err(|_| InvalidConnectOptions::Malformed { reason: "the driver refuses it" })?;
    if config.get_application_name().is_none() {
        config.application_name(fallback_name.as_deref().unwrap_or(APPLICATION_NAME));
    }
    if let Some(timeout) = user_timeout.map_or(Some(TCP_USER_TIMEOUT), nonzero) {
        config.tcp_user_timeout(timeout);
    }
    if config.get_user().is_none() {
        let login = ["PGUSER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        login.filter(|login| !login.is_empty()).map(|login| config.user(login));
    }
    Ok(config)
}

fn unknown(option: String, password_seen: bool) -> InvalidConnectOptions {
    if UNSUPPORTED_OPTIONS.contains(&option.as_str()) {
        InvalidConnectOptions::Unsupported { option }
    } else if password_seen {
        InvalidConnectOptions::UnknownOptionAfterPassword
    } else {
        InvalidConnectOptions::UnknownOption { option }
    }
}

fn takes(option: &str) -> &'static str {
    match option {
        "channel_binding" => "disable, prefer or require",
        "keepalives" => "0 or 1",
        "keepalives_idle" | "keepalives_interval" => "a number of seconds",
        _ => "text",
    }
}

/// Takes a number; as in libpq one below zero means the same as zero.
pub(super) fn take_number(
    pairs: &mut Pairs,
    option: &'static str,
) -> Result<Option<u64>, InvalidConnectOptions> {
    let Some(text) = pairs.take(option) else { return Ok(None) };
    let number: i64 =
        text.trim().parse().map_err(|_| InvalidConnectOptions::value(option, "a whole number"))?;
    Ok(Some(u64::try_from(number).unwrap_or(0)))
}

pub(super) fn nonzero(duration: Duration) -> Option<Duration> {
    Some(duration).filter(|duration| !duration.is_zero())
}
