//! The roles of a log: an owner, and for everybody else the least that they need.
//!
//! Guarantees: running it again changes nothing, two at once take turns, and it is all or nothing (roles belong to
//! the whole cluster and to no transaction of another database).
//!
//! Leaves to others: roles that log in, and granting them these.

use std::fmt;
use std::str::FromStr;

use super::connect::{ConnectError, ConnectOptions, connect};
use super::schema::{MigrateError, SchemaName, require_current};

const SCRIPT: &str = include_str!("roles.sql");

/// The roles the script is written for, behind the prefix.
const ROLES: [&str; 6] = ["owner", "appender", "reader", "projector", "operator", "scrubber"];

/// What the names of a log's roles begin with: `shop` makes `shop_owner`, `shop_appender`, …
///
/// Roles belong to the whole server: two logs in one database, or in two, have each its own prefix, or share roles
/// that may do the same in both.
///
/// # Errors
///
/// [`RolePrefix::new`] and `parse` refuse with [`InvalidRolePrefix`] what would be no [`SchemaName`] either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePrefix(String);

impl RolePrefix {
    /// Takes a prefix, if it is one.
    ///
    /// # Errors
    ///
    /// [`InvalidRolePrefix`] when it breaks a rule.
    pub fn new(prefix: impl Into<String>) -> Result<Self, InvalidRolePrefix> {
        let prefix = prefix.into();
        match SchemaName::new(prefix.as_str()) {
            Ok(_) => Ok(Self(prefix)),
            Err(_) => Err(InvalidRolePrefix(prefix)),
        }
    }

    /// Returns the name of a role, such as `reader`.
    pub fn role(&self, role: &str) -> String {
        format!("{}_{role}", self.0)
    }
}

impl From<&SchemaName> for RolePrefix {
    /// The prefix of a log's roles unless told otherwise: the name of its schema.
    fn from(schema: &SchemaName) -> Self {
        Self(schema.as_str().to_owned())
    }
}

impl FromStr for RolePrefix {
    type Err = InvalidRolePrefix;

    fn from_str(prefix: &str) -> Result<Self, Self::Err> {
        Self::new(prefix)
    }
}

impl fmt::Display for RolePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that no role's name may begin with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no prefix for roles: 1 to 48 of a-z, 0-9 and _, a letter first, not pg_")]
pub struct InvalidRolePrefix(pub String);

/// Why roles were not made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RolesError {
    /// The schema is absent, too old, too new or damaged, or the server cannot be asked.
    #[error(transparent)]
    Schema(#[from] MigrateError),
    /// The database could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The role that is logged in may not: run it as a superuser, or as an owner of the log that may create roles.
    #[error("not allowed to make the roles {0}_…")]
    NotAllowed(RolePrefix, #[source] tokio_postgres::Error),
    /// The database failed in another way.
    #[error("roles {0}_… cannot be made")]
    Database(RolePrefix, #[source] tokio_postgres::Error),
}

/// Returns the SQL that makes the roles of a log, for psql.
pub fn roles_script(schema: &SchemaName, prefix: &RolePrefix) -> String {
    let mut script = SCRIPT.to_owned();
    for role in ROLES {
        script = script.replace(&format!("annals_{role}"), &prefix.role(role));
    }
    schema.rewrite(&script)
}

/// Makes the roles of a log, and gives them exactly their rights.
///
/// # Errors
///
/// [`RolesError`]; then nothing was changed.
pub async fn apply_roles(
    options: &ConnectOptions,
    schema: &SchemaName,
    prefix: &RolePrefix,
) -> Result<(), RolesError> {
    let client = connect(options).await?.into_client();
    require_current(&client, schema).await?;
    client.batch_execute(&roles_script(schema, prefix)).await.map_err(|error| {
        match error.code().map(tokio_postgres::error::SqlState::code) {
            Some("42501") => RolesError::NotAllowed(prefix.clone(), error),
            _ => RolesError::Database(prefix.clone(), error),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_bear_the_prefix_and_the_schema_its_name() {
        let script = roles_script(&SchemaName::new("order").unwrap(), &RolePrefix::new("shop").unwrap());
        assert!(!script.contains("annals"), "{script}");
        for role in ROLES {
            assert!(script.contains(&format!("shop_{role}")), "{role}");
        }
        assert!(script.contains("grant usage on schema \"order\""));
    }
}
