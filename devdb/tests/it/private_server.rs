//! A server of one's own: settings, crashes, and an end with its owner.

use std::time::{Duration, Instant};

use annals_devdb::{Environment, PrivateServer, Profile, Server, TestResult};

use crate::{
    children,
    client::connect,
    scratch::{Scratch, servers_below},
};

#[tokio::test]
async fn a_private_server_has_its_own_settings_over_those_of_the_profile() -> TestResult {
    let scratch = Scratch::new();
    let settings = [("max_connections", "17"), ("wal_level", "logical")];
    let server = private(&scratch, Profile::Test, &settings).await?;

    assert_eq!(shown(server.server(), "max_connections").await?, "17");
    assert_eq!(shown(server.server(), "wal_level").await?, "logical");
    assert_eq!(shown(server.server(), "fsync").await?, "off");
    assert_eq!(shown(server.server(), "TimeZone").await?, "UTC");
    Ok(())
}

#[tokio::test]
async fn the_durable_profile_keeps_every_safety_on() -> TestResult {
    let scratch = Scratch::new();
    let server = private(&scratch, Profile::Durable, &[]).await?;

    for name in ["fsync", "full_page_writes", "synchronous_commit", "autovacuum"] {
        assert_eq!(shown(server.server(), name).await?, "on", "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_private_server_starts_again_under_the_same_url_with_new_settings() -> TestResult {
    let scratch = Scratch::new();
    let mut server = private(&scratch, Profile::Test, &[]).await?;
    let (url, pid) = (server.url("postgres"), server.pid());

    server.kill().await?;
    assert_eq!(server.pid(), None);
    server.configure(&[("work_mem", "5MB")]);
    server.start().await?;

    assert_eq!(server.url("postgres"), url);
    assert_ne!(server.pid(), pid);
    assert_eq!(shown(server.server(), "work_mem").await?, "5MB");
    server.stop().await?;
    assert!(servers_below(scratch.folder()).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_private_server_ends_with_its_value() -> TestResult {
    let scratch = Scratch::new();
    let server = private(&scratch, Profile::Test, &[]).await?;
    assert_eq!(servers_below(scratch.folder()).len(), 1);

    drop(server);

    assert!(servers_below(scratch.folder()).is_empty());
    Ok(())
}

#[test]
fn a_private_server_ends_with_its_process_even_when_that_is_killed() {
    let scratch = Scratch::new();
    let mut child =
        children::command("private_server::a_child", "own a server", scratch.folder()).spawn().unwrap();
    children::said(&mut child, "server");
    assert_eq!(servers_below(scratch.folder()).len(), 1);

    child.kill().unwrap();
    child.wait().unwrap();

    let deadline = Instant::now() + Duration::from_secs(30);
    while !servers_below(scratch.folder()).is_empty() {
        assert!(Instant::now() < deadline, "the server outlived its owner");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_child() -> TestResult {
    if children::role().is_none() {
        return Ok(());
    }
    let folder = Environment::read().folder.ok_or("the parent names a folder")?.join("private");
    let server = Server::private(Profile::Test, folder, &[]).await?;
    println!("server={:?}", server.pid());
    std::future::pending::<()>().await;
    Ok(())
}

#[tokio::test]
async fn a_folder_too_deep_for_a_socket_gets_its_socket_elsewhere() -> TestResult {
    let scratch = Scratch::new();
    let deep = scratch.folder().join("deep".repeat(30));

    let server = Server::private(Profile::Test, &deep, &[]).await?;

    let socket = server.server().socket_dir().ok_or("it is ours")?.to_owned();
    assert!(!socket.starts_with(&deep) && socket.as_os_str().len() < 90, "{}", socket.display());
    assert_eq!(shown(server.server(), "fsync").await?, "off");
    drop(server);
    std::fs::remove_dir_all(socket)?;
    Ok(())
}

async fn private(
    scratch: &Scratch,
    profile: Profile,
    settings: &[(&str, &str)],
) -> Result<PrivateServer, annals_devdb::StartError> {
    Server::private(profile, scratch.folder().join("private"), settings).await
}

async fn shown(server: &Server, setting: &str) -> Result<String, tokio_postgres::Error> {
    let client = connect(&server.url("postgres")).await?;
    Ok(client.query_one("select current_setting($1)", &[&setting]).await?.get(0))
}
