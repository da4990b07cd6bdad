//! Looking at servers, stopping them, throwing their data away.

use annals_devdb::{Profile, ServerState, TestResult, reset, status, stop};

use crate::scratch::{Scratch, servers_below};

#[tokio::test]
async fn stop_ends_the_server_of_one_profile_and_leaves_the_other() -> TestResult {
    let scratch = Scratch::new();
    let test = scratch.server(Profile::Test).await?;
    let durable = scratch.server(Profile::Durable).await?;
    assert_ne!(test.pid(), durable.pid());

    let stopped = stop(&scratch.environment(), Some(Profile::Test))?;

    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0].state, ServerState::Stopped);
    let states: Vec<_> =
        status(&scratch.environment(), None).into_iter().map(|each| (each.profile, each.state)).collect();
    assert_eq!(states, [(Profile::Test, ServerState::Stopped), (Profile::Durable, ServerState::Running)]);
    assert!(stop(&scratch.environment(), Some(Profile::Test))?.is_empty(), "it is stopped already");
    Ok(())
}

#[tokio::test]
async fn the_status_of_a_running_server_names_its_process_and_its_url() -> TestResult {
    let scratch = Scratch::new();
    assert!(status(&scratch.environment(), None).is_empty());
    let server = scratch.server(Profile::Test).await?;

    let all = status(&scratch.environment(), None);

    assert_eq!(all.len(), 1);
    assert_eq!(all[0].pid, server.pid());
    assert_eq!(all[0].url, Some(server.url("postgres")));
    assert_eq!(all[0].version, Some(server.version()));
    let major = server.version().major();
    assert!(all[0].folder.ends_with(format!("pg{major}-test")), "{}", all[0].folder.display());
    Ok(())
}

#[tokio::test]
async fn reset_stops_the_server_and_the_next_one_starts_from_nothing() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    server.ensure_database("gone").await?;

    let removed = reset(&scratch.environment(), None)?;

    assert_eq!(removed.len(), 1);
    assert!(servers_below(scratch.folder()).is_empty());
    assert!(status(&scratch.environment(), None).is_empty());
    let server = scratch.server(Profile::Test).await?;
    let url = server.url("gone");
    let error =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.err().ok_or("the data must be gone")?;
    assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::INVALID_CATALOG_NAME));
    Ok(())
}
