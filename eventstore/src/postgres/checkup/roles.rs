//! Whether whoever connects, and everybody else, has the rights that the log is meant to give them and no others.

use tokio_postgres::{Error, Row};

use super::diagnosis::Diagnosis;
use super::subject::Subject;

const ROLE: &str = "role";
const SESSIONS: &str = "sessions";
const GRANTS: &str = "grants";

const LEAST_RIGHTS: &str = "make roles (annals db roles --apply), let the application log in as a role that is \
    granted the appender and the reader, and keep the owner for migrating";

/// Looks at the role that is connected, at the sessions of others, and at the rights that they have.
pub(super) async fn check(subject: &Subject<'_>) -> Vec<Diagnosis> {
    let (role, has_roles) = match role(subject).await {
        Ok(found) => found,
        Err(error) => (Diagnosis::unanswered(ROLE, &error), false),
    };
    let sessions = sessions(subject).await.unwrap_or_else(|error| Diagnosis::unanswered(SESSIONS, &error));
    let grants = grants(subject, has_roles).await;
    vec![role, sessions, grants.unwrap_or_else(|error| Diagnosis::unanswered(GRANTS, &error))]
}

/// Tells as well whether the roles of the log have been made.
async fn role(subject: &Subject<'_>) -> Result<(Diagnosis, bool), Error> {
    let row = subject.row(&subject.statements.checkup_role).await?;
    let (name, owner): (&str, &str) = (row.try_get("role_name")?, row.try_get("owner_name")?);
    let found = if row.try_get("is_superuser")? {
        let found = format!("connected as {name}, a superuser, whom nothing keeps from changing events");
        Diagnosis::warn(ROLE, found, LEAST_RIGHTS)
    } else if row.try_get("is_owner")? {
        let found = format!("connected as {name}, who owns the log or may act as its owner {owner}");
        Diagnosis::warn(ROLE, found, LEAST_RIGHTS)
    } else {
        Diagnosis::ok(ROLE, format!("connected as {name}; the log belongs to {owner}"))
    };
    Ok((found, row.try_get("has_roles")?))
}

async fn sessions(subject: &Subject<'_>) -> Result<Diagnosis, Error> {
    let rows = subject.rows(&subject.statements.checkup_sessions).await?;
    if rows.is_empty() {
        return Ok(Diagnosis::ok(SESSIONS, "no other role that may change events is connected"));
    }
    let told = rows.iter().map(sessions_of).collect::<Result<Vec<_>, _>>()?;
    let advice = format!("unless somebody is at work on the database: {LEAST_RIGHTS}");
    Ok(Diagnosis::warn(SESSIONS, format!("as superuser or owner of the log: {}", told.join(", ")), advice))
}

fn sessions_of(row: &Row) -> Result<String, Error> {
    let (role, application): (&str, &str) = (row.try_get("role_name")?, row.try_get("application_name")?);
    let sessions: i64 = row.try_get("sessions")?;
    Ok(format!("{sessions} of {role} ({application:?})"))
}

async fn grants(subject: &Subject<'_>, has_roles: bool) -> Result<Diagnosis, Error> {
    let rights = subject.rows(&subject.statements.checkup_grants).await?;
    if !rights.is_empty() {
        let told = rights.iter().map(right).collect::<Result<Vec<_>, _>>()?;
        let advice = "positions, times and versions can be forged with them: revoke them, and let these roles append \
             through the functions";
        return Ok(Diagnosis::fail(GRANTS, told.join("; "), advice));
    }
    let public = subject.row(&subject.statements.checkup_public_functions).await?;
    let public: i64 = public.try_get(0)?;
    if public > 0 {
        let advice = "a migration brought them: run `annals db roles --apply` again";
        return Ok(Diagnosis::warn(
            GRANTS,
            format!("everybody may call {public} functions of the log"),
            advice,
        ));
    }
    Ok(match has_roles {
        true => Diagnosis::ok(GRANTS, "nobody writes but through the functions of the log"),
        false => Diagnosis::warn(
            GRANTS,
            "the log has no roles: nobody but its owner may use it, and nothing can be scrubbed",
            "run: annals db roles --apply",
        ),
    })
}

fn right(row: &Row) -> Result<String, Error> {
    let (thing, role, rights): (&str, &str, &str) =
        (row.try_get("thing")?, row.try_get("role_name")?, row.try_get("rights")?);
    Ok(format!("{role} has {rights} on {thing}"))
}
