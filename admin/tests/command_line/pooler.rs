//! A pooler before the database: how it is told from a server, and what is said to do.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use annals_devdb::{TestFailure, TestResult};

use crate::support::{annals, run};

/// Returns the first message of a client.
type FirstMessage = JoinHandle<std::io::Result<Vec<u8>>>;

/// Answers one connection as pgbouncer answers a parameter that it does not take; returns what it was sent first.
fn refusing_pooler() -> Result<(String, FirstMessage), TestFailure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("postgres://ann@{}/shop?sslmode=disable", listener.local_addr()?);
    let pooler = thread::spawn(move || {
        let (mut client, _) = listener.accept()?;
        let mut first = vec![0; 4];
        client.read_exact(&mut first)?;
        let length = u32::from_be_bytes([first[0], first[1], first[2], first[3]]) as usize;
        first.resize(length, 0);
        client.read_exact(&mut first[4..])?;
        let said = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
        let length = u32::try_from(said.len() + 4).expect("it is short").to_be_bytes();
        client.write_all(&[b"E", &length[..], said].concat())?;
        Ok(first)
    });
    Ok((url, pooler))
}

#[test]
fn a_pooler_that_nobody_spoke_of_exits_2_and_is_told_how_to_be_spoken_of() -> TestResult {
    let (url, pooler) = refusing_pooler()?;

    let refused = run(annals(&["stream", "ls"]).env("DATABASE_URL", &url))?.exits(2);

    let first = String::from_utf8_lossy(&pooler.join().expect("it does not panic")?).into_owned();
    assert!(first.contains("default_transaction_isolation"), "{first:?}");
    assert!(refused.stderr.contains("--pooler") && refused.stderr.contains("ANNALS_POOLER"), "{refused:?}");
    Ok(())
}

#[test]
fn a_pooler_that_was_spoken_of_is_sent_no_settings() -> TestResult {
    for (flag, variable, parameter) in
        [(Some("--pooler"), None, ""), (None, Some("on"), ""), (None, None, "&pooler=transaction")]
    {
        let (url, pooler) = refusing_pooler()?;
        let arguments: Vec<&str> = ["stream", "ls"].into_iter().chain(flag).collect();
        let mut command = annals(&arguments);
        command.env("DATABASE_URL", format!("{url}{parameter}"));
        variable.map(|value| command.env("ANNALS_POOLER", value));

        run(&mut command)?.exits(69);

        let first = String::from_utf8_lossy(&pooler.join().expect("it does not panic")?).into_owned();
        assert!(first.contains("database\0shop") && !first.contains("options"), "{first:?}");
    }
    Ok(())
}
