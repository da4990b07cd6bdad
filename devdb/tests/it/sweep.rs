//! What killed processes leave behind is swept, and nothing else.

use annals_devdb::{Profile, Template, TestDatabase, TestResult};

use crate::{
    children,
    client::{databases, fill},
    scratch::Scratch,
};

#[tokio::test]
async fn the_database_of_a_killed_process_is_swept_and_that_of_a_live_one_is_not() -> TestResult {
    let scratch = Scratch::new();
    let spawn = || children::command("sweep::a_child", "hold", scratch.folder()).spawn();
    let (mut killed, mut alive) = (spawn()?, spawn()?);
    let (of_killed, of_alive) =
        (children::said(&mut killed, "database"), children::said(&mut alive, "database"));
    let server = scratch.server(Profile::Test).await?;
    assert!(server.sweep().await?.is_empty(), "both live");

    killed.kill()?;
    killed.wait()?;

    assert_eq!(server.sweep().await?, [of_killed]);
    assert!(databases(&server).await?.contains(&of_alive));
    alive.kill()?;
    alive.wait()?;
    Ok(())
}

#[tokio::test]
async fn the_next_process_sweeps_by_itself() -> TestResult {
    let scratch = Scratch::new();
    let mut killed = children::command("sweep::a_child", "hold", scratch.folder()).spawn()?;
    let orphan = children::said(&mut killed, "database");
    killed.kill()?;
    killed.wait()?;
    let server = scratch.server(Profile::Test).await?;
    // It sweeps at most every ten seconds, by the time of this file.
    let _ = std::fs::remove_file(server.data_dir().ok_or("it is ours")?.with_file_name("swept"));

    let _database = TestDatabase::create_on(&server, &Template::new("t", "1"), fill).await?;

    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while databases(&server).await?.contains(&orphan) {
        assert!(std::time::Instant::now() < deadline, "{orphan} was not swept");
    }
    Ok(())
}

#[tokio::test]
async fn a_child() -> TestResult {
    if children::role().is_none() {
        return Ok(());
    }
    let database = TestDatabase::create(&Template::new("t", "1"), fill).await?;
    println!("database={}", database.name());
    std::future::pending::<()>().await;
    Ok(())
}
