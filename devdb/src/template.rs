//! Templates: set up once, copied for each test.
//!
//! ```text
//! missing -> annals_building_… (set up by the caller) -> annals_template_… (closed to connections, copied from)
//! ```
//!
//! Guarantees
//! - a template is set up once per name and fingerprint, however many processes ask at once;
//! - it bears its final name only after its setup has succeeded.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, error::SqlState};

use crate::{
    connection::{identifier, literal},
    error::DatabaseError,
    host::hashed,
    server::Server,
    sweep,
};

/// Prefix of the names of templates.
pub(crate) const PREFIX: &str = "annals_template_";
const BUILDING: &str = "annals_building_";
/// How long connections of the setup may take to end by themselves, and then by force.
const LEAVE_PATIENCE: Duration = Duration::from_millis(200);
const FORCE_PATIENCE: Duration = Duration::from_secs(10);

/// What a template database is known by: a name for people, a fingerprint of what is in it.
///
/// Another fingerprint means another template; those that nobody used for a day are dropped.
///
/// # Examples
///
/// ```
/// # use annals_devdb::Template;
/// let old = Template::new("bank", "create table accounts (id bigint)");
/// let new = Template::new("bank", "create table accounts (id bigint, owner text)");
/// assert_ne!(old.database(), new.database());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    suffix: String,
}

impl Template {
    /// Describes a template. The fingerprint may be of any length: a hash, a list of migrations, the whole SQL.
    pub fn new(name: &str, fingerprint: &str) -> Template {
        let readable: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .take(20)
            .collect();
        // The whole name is hashed too: two long names may be cut to the same one.
        Template { suffix: format!("{readable}_{}", hashed(&format!("{name}\n{fingerprint}"), 12)) }
    }

    /// Returns the name of the template database.
    pub fn database(&self) -> String {
        format!("{PREFIX}{}", self.suffix)
    }

    /// Sets the template up unless somebody has.
    pub(crate) async fn ensure<F, Fut, E>(
        &self,
        server: &Server,
        client: &Client,
        setup: F,
    ) -> Result<(), DatabaseError>
    where
        F: FnOnce(String) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let name = self.database();
        let failed = |action, source| DatabaseError::Statement { action, database: name.clone(), source };
        // Released with the connection, whatever happens to this process.
        let lock = format!("select pg_advisory_lock(hashtextextended({}, 0))", literal(&name));
        client.batch_execute(&lock).await.map_err(|source| failed("lock template", source))?;
        let found = client.query_opt("select 1 from pg_database where datname = $1", &[&name]).await;
        let built = if found.map_err(|source| failed("look for template", source))?.is_some() {
            Ok(())
        } else {
            self.build(server, client, setup).await
        };
        let unlock = format!("select pg_advisory_unlock(hashtextextended({}, 0))", literal(&name));
        client.batch_execute(&unlock).await.map_err(|source| failed("unlock template", source))?;
        built
    }

    async fn build<F, Fut, E>(&self, server: &Server, client: &Client, setup: F) -> Result<(), DatabaseError>
    where
        F: FnOnce(String) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (name, building) = (self.database(), format!("{BUILDING}{}", self.suffix));
        let failed =
            |source| DatabaseError::Statement { action: "make template", database: name.clone(), source };
        let drop_unfinished = format!("drop database if exists {} with (force)", identifier(&building));
        // Under the lock nobody else builds it: one that is there was left by a process that died.
        client.batch_execute(&drop_unfinished).await.map_err(failed)?;
        let create = format!(
            "create database {} template template0 encoding 'UTF8' locale 'C'",
            identifier(&building)
        );
        client.batch_execute(&create).await.map_err(failed)?;
        if let Err(error) = setup(server.url(&building)).await {
            client.batch_execute(&drop_unfinished).await.map_err(failed)?;
            return Err(DatabaseError::Setup { template: name, source: error.into() });
        }
        self.close(client, &building).await?;
        let rename = format!("alter database {} rename to {}", identifier(&building), identifier(&name));
        match client.batch_execute(&rename).await {
            // Somebody with another maintenance database, thus another lock, was quicker. Theirs is as good.
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => {
                let open = format!("alter database {} with is_template false", identifier(&building));
                client.batch_execute(&open).await.map_err(failed)?;
                client.batch_execute(&drop_unfinished).await.map_err(failed)
            }
            Err(source) => Err(failed(source)),
            Ok(()) => sweep::mark_used(client, &name).await.map_err(failed),
        }
    }

    /// Lets nobody in any more and waits until the last connection has ended: a database in use is not copied.
    async fn close(&self, client: &Client, building: &str) -> Result<(), DatabaseError> {
        let name = self.database();
        let failed =
            |source| DatabaseError::Statement { action: "close template", database: name.clone(), source };
        let close =
            format!("alter database {} with allow_connections false is_template true", identifier(building));
        client.batch_execute(&close).await.map_err(failed)?;
        let began = Instant::now();
        loop {
            let count = "select count(*) from pg_stat_activity where datname = $1";
            let connections: i64 = client.query_one(count, &[&building]).await.map_err(failed)?.get(0);
            if connections == 0 {
                return Ok(());
            }
            if began.elapsed() > FORCE_PATIENCE {
                return Err(DatabaseError::TemplateInUse { template: name.clone(), connections });
            }
            if began.elapsed() > LEAVE_PATIENCE {
                let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1";
                client.query_one(end, &[&building]).await.map_err(failed)?;
            }
            sleep(Duration::from_millis(3)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_s_name_fits_and_tells_name_and_fingerprint_apart() {
        let long = Template::new("A very long name: with Ümlauts, and more", "x");
        assert!(long.database().len() <= 63 && long.database().is_ascii(), "{}", long.database());
        assert_ne!(Template::new("a", "1"), Template::new("a", "2"));
        assert_ne!(Template::new("a", "1"), Template::new("b", "1"));
        assert_eq!(Template::new("a", "1"), Template::new("a", "1"));
    }
}
