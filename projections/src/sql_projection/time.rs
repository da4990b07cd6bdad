//! Texts that are dates and times, after RFC 3339: they mean the same under every setting of a session.

use chrono::{DateTime, NaiveDate};

/// The widest offset from UTC that the server takes, in seconds.
const OFFSET_SECONDS_MAX: i32 = 15 * 3600 + 59 * 60;

/// Tells whether a text is a day, such as `2026-11-27`.
pub(super) fn is_date(text: &str) -> bool {
    let shape =
        |byte: (usize, u8)| if matches!(byte.0, 4 | 7) { byte.1 == b'-' } else { byte.1.is_ascii_digit() };
    text.len() == 10
        && text.bytes().enumerate().all(shape)
        && !text.starts_with("0000")
        && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// Tells whether a text is a moment with its offset, such as `2026-11-27T21:30:00.5+01:00`.
pub(super) fn is_timestamptz(text: &str) -> bool {
    let moment = DateTime::parse_from_rfc3339(text);
    has_date(text) && moment.is_ok_and(|moment| moment.offset().local_minus_utc().abs() <= OFFSET_SECONDS_MAX)
}

/// Tells whether a text is a time of a day without an offset, such as `2026-11-27T21:30:00`.
pub(super) fn is_timestamp(text: &str) -> bool {
    // An offset would be passed over by the server: 21:30+05 would become 21:30.
    has_date(text) && DateTime::parse_from_rfc3339(&format!("{text}Z")).is_ok()
}

fn has_date(text: &str) -> bool {
    text.get(..10).is_some_and(is_date)
}
