//! Connecting: hosts, passwords, encryption and refusals, against real servers.

mod hosts;
mod pooled;
mod refusals;
mod secure_server;
mod tls;

use annals_devdb::TestFailure;
use annals_eventstore::postgres::{Connected, connect};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config};

/// Connects, and drives the connection in a task of its own.
async fn client(options: &str) -> Result<Client, TestFailure> {
    let Connected { client, connection } = connect(&options.parse()?).await?;
    tokio::spawn(connection.drive());
    Ok(client)
}

/// Asks for one text.
async fn ask(client: &Client, question: &str) -> Result<String, TestFailure> {
    Ok(client.query_one(question, &[]).await?.get(0))
}

/// Returns the host of a connection string that names one.
fn host(url: &str) -> Result<String, TestFailure> {
    match url.parse::<Config>()?.get_hosts() {
        [Host::Unix(folder), ..] => Ok(folder.display().to_string()),
        [Host::Tcp(name), ..] => Ok(name.clone()),
        [] => Err("the server of the tests has no host".into()),
    }
}

/// Writes a connection string as `key=value` pairs, with more of them behind; the last of a key counts.
fn words(url: &str, more: &str) -> Result<String, TestFailure> {
    let config: Config = url.parse()?;
    let mut words = format!("host={}", host(url)?);
    let password = config.get_password().map(String::from_utf8_lossy);
    let port = config.get_ports().first().map(u16::to_string);
    for (key, value) in [
        ("port", port.as_deref()),
        ("user", config.get_user()),
        ("password", password.as_deref()),
        ("dbname", config.get_dbname()),
    ] {
        if let Some(value) = value {
            words.push_str(&format!(" {key}='{}'", value.replace('\\', r"\\").replace('\'', r"\'")));
        }
    }
    Ok(format!("{words} {more}"))
}
