//! Whether wake-ups arrive.

use super::diagnosis::Diagnosis;
use crate::postgres::config::StoreConfig;
use crate::postgres::wakeup_state::{WakeupState, check_wakeups};

const CHECK: &str = "wakeups";

/// Listens, and sends itself a notification. Whatever comes of it, readers miss nothing: they poll.
pub(super) async fn check(config: &StoreConfig) -> Diagnosis {
    let polled = format!("readers poll, every {:?}", config.poll_interval);
    match check_wakeups(config).await {
        Ok(WakeupState::Listening) => Diagnosis::ok(CHECK, "they arrive"),
        Ok(WakeupState::Off) if !config.notify => Diagnosis::ok(CHECK, format!("turned off; {polled}")),
        Ok(WakeupState::Off) => {
            let found =
                format!("a pooler in transaction mode, and no direct connection to listen on; {polled}");
            Diagnosis::warn(CHECK, found, "give --direct-url or DATABASE_DIRECT_URL")
        }
        Ok(WakeupState::Standby) => {
            let advice = "give a connection to the primary to listen on (--direct-url or DATABASE_DIRECT_URL), or poll";
            Diagnosis::warn(CHECK, format!("nobody can LISTEN on a standby; {polled}"), advice)
        }
        Ok(WakeupState::Mute) => {
            let advice = "its queue may be full: end the session that listens and is idle in a transaction; see \
                 pg_notification_queue_usage() and pg_stat_activity";
            Diagnosis::warn(CHECK, format!("the server refuses NOTIFY; {polled}"), advice)
        }
        Ok(_) => {
            let advice = "what answers swallows them, as a pooler in transaction mode does: give a direct connection \
                 to listen on (--direct-url or DATABASE_DIRECT_URL)";
            Diagnosis::warn(CHECK, format!("none arrives; {polled}"), advice)
        }
        Err(error) => Diagnosis::warn(CHECK, format!("nobody could listen: {error}; {polled}"), "try again"),
    }
}
