//! Sets a template up, once.
//!
//! ```text
//! missing -> annals_building_… (set up by the caller) -> annals_template_… (closed to connections, copied from)
//! ```
//!
//! Guarantees
//! - a template is set up once per name and fingerprint, however many processes ask at once;
//! - it bears its final name only after its setup has succeeded;
//! - whatever an unfinished setup left behind is replaced by the next one.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, error::SqlState};

use crate::{
    database_error::DatabaseError,
    drop_database::drop_database,
    mark::mark_used,
    server::Server,
    sql::{identifier, literal},
    template::Template,
};

/// How long connections of the setup may take to end by themselves, and then by force.
const LEAVE_PATIENCE: Duration = Duration::from_millis(200);
const FORCE_PATIENCE: Duration = Duration::from_secs(10);
impl Template {
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
        let (name, building) = (self.database(), self.unfinished());
        let failed =
            |source| DatabaseError::Statement { action: "make template", database: name.clone(), source };
        // Under the lock nobody else builds it: one that is there was left by a process that died.
        drop_database(client, &building).await.map_err(failed)?;
        let create = format!(
            "create database {} template template0 encoding 'UTF8' locale 'C'",
            identifier(&building)
        );
        client.batch_execute(&create).await.map_err(failed)?;
        if let Err(error) = setup(server.url(&building)).await {
            drop_database(client, &building).await.map_err(failed)?;
            return Err(DatabaseError::Setup { template: name, source: error.into() });
        }
        self.close(client, &building).await?;
        let rename = format!("alter database {} rename to {}", identifier(&building), identifier(&name));
        match client.batch_execute(&rename).await {
            // Somebody with another maintenance database, thus another lock, was quicker. Theirs is as good.
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => {
                drop_database(client, &building).await.map_err(failed)
            }
            Err(source) => Err(failed(source)),
            Ok(()) => mark_used(client, &name).await.map_err(failed),
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
