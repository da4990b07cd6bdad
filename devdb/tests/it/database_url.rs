//! With `DATABASE_URL` nothing is started: the server is used as it is, and its password stays unsaid.

use annals_devdb::{
    DatabaseUrl, Environment, Profile, Server, StartError, Template, TestDatabase, TestResult,
};

use crate::{
    children,
    client::{connect, fill},
    scratch::Scratch,
};

#[tokio::test]
async fn test_databases_are_made_on_the_server_of_the_url_and_its_parameters_stay() -> TestResult {
    let scratch = Scratch::new();
    let url =
        format!("{}?application_name=mine", scratch.server(Profile::Durable).await?.url("not_there_yet"));
    let environment = external(&url);

    let server = Server::shared_in(Profile::Test, &environment).await?;
    let database = TestDatabase::create_on(&server, &Template::new("url", "1"), fill).await?;

    assert!(server.binaries().is_none());
    assert!(server.version().is_supported());
    assert!(database.url().ends_with("?application_name=mine"), "{}", database.url());
    let client = connect(database.url()).await?;
    let row =
        client.query_one("select current_setting('application_name'), count(*) from filled", &[]).await?;
    assert_eq!((row.get(0), row.get(1)), ("mine", 1_i64));
    Ok(())
}

#[tokio::test]
async fn a_key_value_string_serves_as_well() -> TestResult {
    let scratch = Scratch::new();
    let own = scratch.server(Profile::Test).await?;
    let socket = own.socket_dir().ok_or("it is ours")?;
    let server =
        Server::shared_in(Profile::Test, &external(&format!("host='{}' user=annals", socket.display())))
            .await?;

    server.ensure_database("by pairs").await?;

    let client = connect(&server.url("by pairs")).await?;
    assert_eq!(client.query_one("select current_database()::text", &[]).await?.get::<_, &str>(0), "by pairs");
    Ok(())
}

#[tokio::test]
async fn a_database_asked_for_by_many_at_once_is_made_once() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { server.ensure_database("wanted \"by\" many").await })
        })
        .collect();

    for each in asked {
        each.await??;
    }

    connect(&server.url("wanted \"by\" many")).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_without_its_password() -> TestResult {
    let environment = external("postgres://me:hidden@127.0.0.1:1/shop");

    let error = Server::shared_in(Profile::Test, &environment).await.err().ok_or("nobody is there")?;

    let text = format!("{error} {error:?}");
    assert!(matches!(error, StartError::DatabaseUrl { .. }), "{text}");
    assert!(text.contains("127.0.0.1") && !text.contains("hidden"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_url_that_demands_tls_is_refused_by_name_before_anything_is_connected_to() -> TestResult {
    // Nobody is there: whoever tried to connect would be told so.
    let port = 1;

    for mode in ["require", "verify-ca", "verify-full"] {
        let in_url = format!("postgres://me:hidden@127.0.0.1:{port}/shop?sslmode={mode}");
        let in_pairs = format!("host=127.0.0.1 port={port} user=me password=hidden sslmode={mode}");
        for text in [in_url, in_pairs] {
            let error = Server::shared_in(Profile::Test, &external(&text)).await.err().ok_or("no TLS")?;

            let told = error.to_string();
            assert!(matches!(error, StartError::Tls { .. }), "{told}");
            assert!(told.contains("TLS is not available"), "{told}");
            assert!(told.contains(&format!("sslmode={mode}")), "{told}");
            assert!(!told.contains("hidden"), "{told}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_url_that_would_rather_have_tls_is_content_without() -> TestResult {
    let scratch = Scratch::new();
    let url = format!("{}?sslmode=prefer", scratch.server(Profile::Test).await?.url("postgres"));

    let server = Server::shared_in(Profile::Test, &external(&url)).await?;

    server.ensure_database("plain").await?;
    Ok(())
}

#[test]
fn the_announcement_hides_the_password() {
    let scratch = Scratch::new();
    let mut child = children::command("database_url::a_child", "connect", scratch.folder());
    let output = child.env("DATABASE_URL", "postgres://me:hidden@127.0.0.1:1/shop").output().unwrap();

    let text = children::text(&output);
    assert!(text.contains("annals: using DATABASE_URL (postgres://me:***@127.0.0.1:1/shop)"), "{text}");
    assert!(!text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn a_child() {
    if children::role().is_some() {
        let error = Server::shared(Profile::Test).await.err();
        println!("{error:?}");
    }
}

fn external(url: &str) -> Environment {
    Environment { database_url: Some(DatabaseUrl::new(url)), ..Environment::default() }
}
