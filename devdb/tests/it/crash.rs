//! What a crash leaves behind stands in nobody's way.

use std::{fs, path::Path, process::Command};

use annals_devdb::{Profile, Server, TestResult};

use crate::{
    client::connect,
    scratch::{Scratch, servers_below},
};

#[tokio::test]
async fn a_server_that_was_killed_is_started_again_by_the_next_call_with_what_was_committed() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    let client = connect(&server.url("postgres")).await?;
    client.batch_execute("create table kept (id int); insert into kept values (7)").await?;
    let first = server.pid().ok_or("it runs")?;

    kill_hard(first);

    let server = scratch.server(Profile::Test).await?;
    assert_ne!(server.pid(), Some(first));
    let row = connect(&server.url("postgres")).await?.query_one("select id from kept", &[]).await?;
    assert_eq!(row.get::<_, i32>(0), 7);
    assert_eq!(servers_below(scratch.folder()).len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_pid_file_whose_process_id_belongs_to_a_stranger_now_does_not_stop_the_start() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    kill_hard(server.pid().ok_or("it runs")?);
    let mut stranger = Command::new("sleep").arg("600").spawn()?;
    give_pid_file_to(stranger.id(), &server);

    let server = scratch.server(Profile::Test).await?;

    assert_ne!(server.pid(), Some(stranger.id()));
    assert!(stranger.try_wait()?.is_none(), "the stranger must not be harmed");
    stranger.kill()?;
    stranger.wait()?;
    Ok(())
}

#[tokio::test]
async fn a_pid_file_that_names_another_server_is_not_taken_for_ours_and_that_server_lives_on() -> TestResult {
    let (scratch, other) = (Scratch::new(), Scratch::new());
    let other_server = other.server(Profile::Test).await?;
    let server = scratch.server(Profile::Test).await?;
    kill_hard(server.pid().ok_or("it runs")?);
    give_pid_file_to(other_server.pid().ok_or("it runs")?, &server);

    assert!(annals_devdb::stop(&scratch.environment(), None)?.is_empty(), "there is nothing of ours to stop");
    let server = scratch.server(Profile::Test).await?;

    assert_ne!(server.pid(), other_server.pid());
    connect(&other_server.url("postgres")).await?.batch_execute("select 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_killed_initdb_leaves_nothing_that_the_next_start_stumbles_over() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    let data = server.data_dir().ok_or("it is ours")?;
    scratch.stop();
    let unfinished = data.with_file_name("data.unfinished");
    fs::rename(&data, &unfinished)?;
    fs::create_dir(&data)?;

    scratch.server(Profile::Test).await?;

    assert!(!unfinished.exists());
    Ok(())
}

#[tokio::test]
async fn test_data_that_the_machine_went_down_under_is_made_anew() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    connect(&server.url("postgres")).await?.batch_execute("create table unsure (id int)").await?;
    kill_hard(server.pid().ok_or("it runs")?);
    let record = server.data_dir().ok_or("it is ours")?.with_file_name("server.json");
    let mut remembered: serde_json::Value = serde_json::from_str(&fs::read_to_string(&record)?)?;
    remembered["boot"] = "of another boot".into();
    fs::write(&record, remembered.to_string())?;

    let server = scratch.server(Profile::Test).await?;

    let row = connect(&server.url("postgres"))
        .await?
        .query_one("select to_regclass('unsure') is null", &[])
        .await?;
    assert!(row.get::<_, bool>(0));
    Ok(())
}

#[tokio::test]
async fn a_server_whose_record_is_lost_is_found_all_the_same() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    fs::remove_file(server.data_dir().ok_or("it is ours")?.with_file_name("server.json"))?;

    let programs = server.binaries().ok_or("it is ours")?.folder().to_owned();
    let choice = annals_devdb::BinariesChoice::Folder(programs);
    let again = Server::shared_in(Profile::Test, &scratch.with_choice(choice)).await?;

    assert_eq!(again.pid(), server.pid());
    Ok(())
}

fn kill_hard(pid: u32) {
    let killed =
        Command::new("/bin/sh").args(["-c", "kill -KILL \"$1\"", "sh", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    while is_alive(pid) {
        std::thread::yield_now();
    }
}

/// A zombie has no command line.
fn is_alive(pid: u32) -> bool {
    let path = format!("/proc/{pid}/cmdline");
    if Path::new("/proc/self").exists() {
        return fs::read(path).is_ok_and(|line| !line.is_empty());
    }
    Command::new("ps").args(["-p", &pid.to_string()]).output().is_ok_and(|output| output.status.success())
}

fn give_pid_file_to(pid: u32, server: &Server) {
    let path = server.data_dir().unwrap().join("postmaster.pid");
    let text = fs::read_to_string(&path).unwrap();
    let rest = text.split_once('\n').unwrap().1;
    fs::write(path, format!("{pid}\n{rest}")).unwrap();
}
