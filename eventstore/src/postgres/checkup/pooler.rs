//! Whether a pooler in transaction mode stands before the server, and whether the store is told so.

use super::diagnosis::Diagnosis;
use crate::postgres::config::StoreConfig;
use crate::postgres::connect::{ConnectError, ConnectFault, ConnectOptions, connect};

const CHECK: &str = "pooler";

/// A setting that no server has, so that its value can only come from the connection that brings it.
const SETTING: &str = "annals_log.checkup";

/// Brings a setting along, as the store does, and looks whether it arrives.
pub(super) async fn check(config: &StoreConfig) -> Diagnosis {
    let is_told = config.connect.is_pooled();
    let advice = "give --pooler, ANNALS_POOLER=on, or pooler=transaction in the connection string";
    match setting_arrives(&config.connect).await {
        Ok(true) if is_told => {
            Diagnosis::ok(CHECK, "the pooler mode is on; what answers keeps the settings of a session")
        }
        Ok(true) => Diagnosis::ok(CHECK, "none in transaction mode"),
        Ok(false) if is_told => Diagnosis::ok(CHECK, "in transaction mode, and the pooler mode is on"),
        Ok(false) => {
            let found =
                "what answers does not keep the settings of a session, as poolers in transaction mode do";
            Diagnosis::fail(CHECK, found, advice)
        }
        Err(error) => Diagnosis::fail(CHECK, format!("cannot be asked: {error}"), "try again"),
    }
}

async fn setting_arrives(options: &ConnectOptions) -> Result<bool, ConnectError> {
    // Without the mode a pooler that refuses settings is told from a server that takes nobody now.
    let options = options.clone().behind_pooler(false).with_setting(SETTING, "arrived");
    let client = match connect(&options).await {
        Ok(connected) => connected.into_client(),
        Err(ConnectError { fault: ConnectFault::NeedsPoolerMode(_), .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let sql = format!("select current_setting('{SETTING}', true) is not distinct from 'arrived'");
    // An answer that does not come is none that says so.
    Ok(client.query_typed_one(&sql, &[]).await.is_ok_and(|row| row.get(0)))
}
