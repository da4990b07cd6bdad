//! A start that fails says what happened and what to do.

use annals_devdb::{BinariesChoice, Profile, Server, StartError, TestResult};

use crate::scratch::Scratch;

#[tokio::test]
async fn a_server_that_ends_while_starting_shows_the_end_of_its_log() -> TestResult {
    let scratch = Scratch::new();
    let settings = [("shared_preload_libraries", "no_such_library")];

    let error = Server::private(Profile::Test, scratch.folder().join("private"), &settings).await.err();

    let text = error.ok_or("it must fail")?.to_string();
    assert!(text.contains("ended while starting"), "{text}");
    assert!(text.contains("no_such_library"), "{text}");
    assert!(text.contains("server.log"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_folder_without_programs_is_named_together_with_a_command_to_type() -> TestResult {
    let scratch = Scratch::new();
    let environment = scratch.with_choice(BinariesChoice::Folder("/nowhere/bin".into()));

    let error = Server::shared_in(Profile::Test, &environment).await.err().ok_or("there is nothing")?;

    let text = error.to_string();
    assert!(matches!(error, StartError::NotFound { ref attempts, .. } if attempts.len() == 1), "{text}");
    assert!(text.contains("ANNALS_PG (/nowhere/bin): no postgres in it"), "{text}");
    assert!(text.contains("install"), "{text}");
    assert!(text.contains("DATABASE_URL"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_is_named() -> TestResult {
    let environment = annals_devdb::Environment { folder: Some("/proc/annals".into()), ..Default::default() };

    let error = Server::shared_in(Profile::Test, &environment).await.err().ok_or("nobody can write there")?;

    assert!(matches!(error, StartError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("ANNALS_DEVDB_DIR"));
    Ok(())
}
