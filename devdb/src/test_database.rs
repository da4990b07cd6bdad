//! A database per test: dropped when the test passes, kept and named when it fails.
//!
//! Guarantees
//! - no two tests, processes or machines ever share one;
//! - dropped also where the test is asynchronous, and before the test function returns;
//! - what a killed process leaves behind is swept by a later one.

use std::{future::Future, thread, time::Duration};

use crate::{
    connection, copy::copy, database_error::DatabaseError, database_url::DatabaseUrl, mark::Mark,
    profile::Profile, server::Server, sql::identifier, sweep, template::Template, test_name,
};

const END_PATIENCE: Duration = Duration::from_secs(20);

/// A database for one test.
///
/// Dropped with the value, together with the connections into it. While the thread panics it is kept instead, for a
/// day, and a line on standard error says how to open it. A test that *returns* an error does not panic: let it
/// return [`TestResult`](crate::TestResult), whose `?` does.
#[derive(Debug)]
pub struct TestDatabase {
    server: Server,
    name: String,
    url: String,
    is_kept: bool,
}

impl TestDatabase {
    /// Makes a database on the shared test server, as a copy of a template.
    ///
    /// `setup` is given the URL of the template and fills it, if it is not there yet; it must close its
    /// connections or let go of them. Takes about 30 ms.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]; no database is left behind.
    pub async fn create<F, Fut, E>(template: &Template, setup: F) -> Result<TestDatabase, DatabaseError>
    where
        F: FnOnce(String) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        TestDatabase::create_on(&Server::shared(Profile::Test).await?, template, setup).await
    }

    /// Makes a database on a given server, as a copy of a template; see [`create`](TestDatabase::create).
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]; no database is left behind.
    pub async fn create_on<F, Fut, E>(
        server: &Server,
        template: &Template,
        setup: F,
    ) -> Result<TestDatabase, DatabaseError>
    where
        F: FnOnce(String) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let client = connection::maintenance(server).await?;
        let name = test_name::fresh();
        // Most of the time the template is there: one statement, no question before it.
        if !copy(server, &client, &template.database(), &name).await? {
            template.ensure(server, &client, setup).await?;
            if !copy(server, &client, &template.database(), &name).await? {
                return Err(DatabaseError::TemplateInUse { template: template.database(), connections: 0 });
            }
        }
        sweep::begin(server, Some(template.database()));
        Ok(TestDatabase::named(server, name))
    }

    /// Makes a database without any content on the shared test server.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]; no database is left behind.
    pub async fn empty() -> Result<TestDatabase, DatabaseError> {
        TestDatabase::empty_on(&Server::shared(Profile::Test).await?).await
    }

    /// Makes a database without any content on a given server.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]; no database is left behind.
    pub async fn empty_on(server: &Server) -> Result<TestDatabase, DatabaseError> {
        let client = connection::maintenance(server).await?;
        let name = test_name::fresh();
        copy(server, &client, "template0", &name).await?;
        sweep::begin(server, None);
        Ok(TestDatabase::named(server, name))
    }

    /// Returns the URL of the database, password and all.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the server that it is on.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Keeps the database for a day, whatever becomes of the test.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }

    fn named(server: &Server, name: String) -> TestDatabase {
        TestDatabase { server: server.clone(), url: server.url(&name), name, is_kept: false }
    }

    /// Runs a last statement on a thread of its own: the runtime of the test may be this very thread.
    fn at_the_end(&self, statement: String) {
        let server = self.server.clone();
        let end = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let work = async {
                    let client = connection::maintenance(&server).await.ok()?;
                    client.batch_execute(&statement).await.ok()
                };
                // When it fails the sweep does it later.
                let _ = tokio::time::timeout(END_PATIENCE, work).await;
            });
            std::io::Result::Ok(())
        });
        let _ = end.join();
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if !thread::panicking() && !self.is_kept {
            self.at_the_end(format!("drop database if exists {} with (force)", identifier(&self.name)));
            return;
        }
        let test = thread::current().name().unwrap_or_default().to_owned();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let at = i64::try_from(now.as_secs()).unwrap_or_default();
        self.at_the_end(Mark::Kept { at, test }.statement(&self.name));
        let url = DatabaseUrl::new(self.url.clone());
        let psql = self.server.binaries().map_or(Some("psql".into()), |binaries| binaries.program("psql"));
        match psql {
            Some(psql) => {
                eprintln!("annals: kept the database of the failed test: {} \"{url}\"", psql.display());
            }
            None => eprintln!("annals: kept the database of the failed test: {url}"),
        }
    }
}
