//! The limit that the server sets to transactions that do nothing: an open append that was forgotten holds every
//! reader back.
//!
//! Guarantees: behind a pooler it ends with its transaction, so that no session is left another than it was.

use std::borrow::Cow;
use std::time::Duration;

use super::connect::ConnectOptions;

const SETTING: &str = "idle_in_transaction_session_timeout";

/// The most that the setting takes, in milliseconds.
const MILLISECONDS_MAX: u128 = i32::MAX as u128;

/// One snapshot for a whole transaction would hide late commits from readers, and refuse appends that only have to
/// wait.
const BEGIN: &str = "begin isolation level read committed";

/// For how long a transaction may do nothing before the server ends it and its session; without one, what the server's
/// own settings say counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IdleLimit(Option<Duration>);

impl IdleLimit {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self(limit)
    }

    /// Sets it for every transaction of a session.
    pub(super) fn for_session(self, options: ConnectOptions) -> ConnectOptions {
        match self.milliseconds() {
            Some(limit) => options.with_setting(SETTING, &limit.to_string()),
            None => options,
        }
    }

    /// Returns what begins a transaction under it.
    pub(super) fn begin(self) -> Cow<'static, str> {
        match self.milliseconds() {
            Some(limit) => format!("{BEGIN}; set local {SETTING} = {limit}").into(),
            None => BEGIN.into(),
        }
    }

    /// Returns what sets it for the rest of a transaction, unless that has a limit already.
    pub(super) fn for_transaction(self) -> Option<String> {
        let limit = self.milliseconds()?;
        Some(format!(
            "select set_config('{SETTING}', '{limit}', true) where current_setting('{SETTING}') = '0'"
        ))
    }

    /// Zero would be no limit.
    fn milliseconds(self) -> Option<u128> {
        Some(self.0?.as_millis().clamp(1, MILLISECONDS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_never_told_as_none() {
        let limit = |limit| IdleLimit::new(limit).begin().into_owned();
        assert_eq!(limit(None), BEGIN);
        assert!(limit(Some(Duration::from_micros(1))).ends_with("timeout = 1"));
        assert!(limit(Some(Duration::from_secs(60))).ends_with("timeout = 60000"));
        assert!(limit(Some(Duration::MAX)).ends_with("timeout = 2147483647"));
    }
}
