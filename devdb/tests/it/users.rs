//! Any user may start a server: root in each of its ways, an ordinary user as itself.
//!
//! Where this is not root, only the ordinary way can be tested; that is said, not passed over.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::Command,
};

use annals_devdb::{Profile, Server, TestDatabase, TestResult};

use crate::{children, scratch::Scratch};

const NOBODY: u32 = 65534;

#[test]
fn an_ordinary_user_starts_a_server_as_itself() {
    if !is_root("an_ordinary_user_starts_a_server_as_itself") {
        return;
    }
    let scratch = Scratch::new();
    chown(scratch.folder(), Some(NOBODY), Some(NOBODY)).unwrap();
    // The test binary may lie where nobody can read.
    let program = scratch.folder().join("it");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let original = children::command("users::a_child", "make a database", scratch.folder());

    let mut child = Command::new("setpriv");
    child
        .args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups", "--"])
        .arg(&program);
    child.args(original.get_args()).current_dir("/").env_remove("HOME");
    for (name, value) in original.get_envs() {
        match value {
            Some(value) => child.env(name, value),
            None => child.env_remove(name),
        };
    }
    let output = child.output().unwrap();

    assert!(output.status.success(), "{}", children::text(&output));
    assert_eq!(owner_of_data(&scratch), NOBODY);
}

#[test]
fn root_without_user_namespaces_starts_a_server_as_another_account() {
    if !is_root("root_without_user_namespaces_starts_a_server_as_another_account") {
        return;
    }
    for missing in [&["unshare"][..], &["unshare", "setpriv"], &["unshare", "setpriv", "runuser"]] {
        let scratch = Scratch::new();
        fs::set_permissions(scratch.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        let tools = scratch.folder().join("tools");
        forbid(missing, &tools);
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());

        let mut child = children::command("users::a_child", "make a database", scratch.folder());
        let output = child.env("PATH", &path).output().unwrap();

        assert!(output.status.success(), "without {missing:?}: {}", children::text(&output));
        assert_ne!(owner_of_data(&scratch), 0, "without {missing:?}");
    }
}

#[test]
fn data_of_one_way_is_taken_over_by_another() {
    if !is_root("data_of_one_way_is_taken_over_by_another") {
        return;
    }
    let scratch = Scratch::new();
    let tools = scratch.folder().join("tools");
    forbid(&["unshare"], &tools);
    let forbidding = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());

    for (path, is_roots) in [(None, true), (Some(&forbidding), false), (None, true)] {
        let mut child = children::command("users::a_child", "make a database", scratch.folder());
        if let Some(path) = path {
            child.env("PATH", path);
        }
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}", children::text(&output));
        assert_eq!(owner_of_data(&scratch) == 0, is_roots);
        scratch.stop();
    }
}

#[tokio::test]
async fn a_child() -> TestResult {
    if children::role().is_none() {
        return Ok(());
    }
    let server = Server::shared(Profile::Test).await?;
    TestDatabase::empty_on(&server).await?;
    Ok(())
}

/// Puts programs that fail before those of the system.
fn forbid(names: &[&str], folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for name in names {
        let path = folder.join(name);
        fs::write(&path, "#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn owner_of_data(scratch: &Scratch) -> u32 {
    let status = annals_devdb::status(&scratch.environment(), Some(Profile::Test));
    fs::metadata(status[0].folder.join("data")).unwrap().uid()
}

fn is_root(test: &str) -> bool {
    let uid = fs::metadata("/proc/self").map(|own| own.uid());
    let is_root = uid.is_ok_and(|uid| uid == 0) && Command::new("setpriv").arg("--version").output().is_ok();
    if !is_root {
        println!("skipped: 1 ({test} needs root on Linux)");
    }
    is_root
}
