//! Whether the schema is that of this version.

use super::diagnosis::Diagnosis;
use super::subject::Subject;
use crate::postgres::schema::{COMPONENTS, MigrateError, SchemaFault, known, require_current};

const CHECK: &str = "migrations";

/// Looks at the migrations; tells as well whether the log can be asked further.
pub(super) async fn check(subject: &Subject<'_>) -> (Diagnosis, bool) {
    let schema = &subject.config.schema;
    match require_current(subject.client, schema).await {
        Ok(()) => {
            let parts = COMPONENTS.iter().map(|component| format!("{component} {}", known(component)));
            let parts: Vec<String> = parts.collect();
            (Diagnosis::ok(CHECK, format!("schema {schema} is up to date: {}", parts.join(", "))), true)
        }
        Err(MigrateError::Schema(fault)) => {
            let (advice, is_fit) = match &fault {
                SchemaFault::Absent { .. } | SchemaFault::Behind { .. } => ("run: annals db migrate", false),
                SchemaFault::TooNew { .. } => ("use a newer version of Annals", false),
                SchemaFault::Damaged { .. } => ("undo the change, or restore the schema from a backup", true),
            };
            (Diagnosis::fail(CHECK, fault.to_string(), advice), is_fit)
        }
        Err(MigrateError::Database(error)) => (Diagnosis::unanswered(CHECK, &error), false),
        Err(error) => (Diagnosis::fail(CHECK, error.to_string(), "see the message"), false),
    }
}
