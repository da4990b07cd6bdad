//! One connection through the proxy: both directions, until one side ends it or the plan cuts it.

use std::io;
use std::sync::Mutex;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::message::{self, COMMAND_COMPLETE, DATA_ROW, EXECUTE, READY_FOR_QUERY, SYNC};
use super::{Cut, Plan};

/// Forwards until the connection ends or is cut; either closes both sides.
pub(super) async fn until_cut<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: TcpStream,
    server: S,
    plan: &Plan,
) {
    let (from_server, to_server) = tokio::io::split(server);
    let (from_client, to_client) = client.split();
    // The cut of the statement under way.
    let cut = Mutex::new(None);
    // An end of the connection comes as an error; there is nothing else to do about it.
    tokio::select! {
        _ = questions(BufReader::new(from_client), to_server, plan, &cut) => {}
        _ = answers(BufReader::new(from_server), to_client, &cut) => {}
        () = told(plan, &cut) => {}
    }
}

/// Forwards what the client says; returns where it is cut.
async fn questions(
    mut client: impl AsyncRead + Unpin,
    mut server: impl AsyncWrite + Unpin,
    plan: &Plan,
    cut: &Mutex<Option<Cut>>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    message::read_first(&mut client, &mut bytes).await?;
    server.write_all(&bytes).await?;
    loop {
        let letter = message::read(&mut client, &mut bytes).await?;
        if letter == EXECUTE {
            let next = plan.cuts.lock().expect("no panic holds the plan").pop_front().flatten();
            *cut.lock().expect("no panic holds the cut") = next;
            plan.statements.send_modify(|statements| *statements += 1);
        }
        match (letter, current(cut)) {
            (EXECUTE, Some(Cut::BeforeExecute)) | (SYNC, Some(Cut::BeforeSync)) => return Ok(()),
            _ => server.write_all(&bytes).await?,
        }
    }
}

/// Forwards what the server says. Behind its place of cutting nothing is forwarded, and the end of the
/// transaction, which comes with `ReadyForQuery`, is waited for.
async fn answers(
    mut server: impl AsyncRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    cut: &Mutex<Option<Cut>>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut is_silent = false;
    loop {
        let letter = message::read(&mut server, &mut bytes).await?;
        is_silent |= matches!(
            (letter, current(cut)),
            (DATA_ROW, Some(Cut::BeforeDataRow))
                | (COMMAND_COMPLETE, Some(Cut::BeforeDataRow | Cut::BeforeCommandComplete))
                | (READY_FOR_QUERY, Some(Cut::BeforeReadyForQuery))
        );
        match (letter, is_silent) {
            (READY_FOR_QUERY, true) => return Ok(()),
            (_, true) => {}
            (_, false) => client.write_all(&bytes).await?,
        }
    }
}

/// Returns when connections are to be cut at once and this one waits for that.
async fn told(plan: &Plan, cut: &Mutex<Option<Cut>>) {
    let mut told = plan.told.subscribe();
    while told.changed().await.is_ok() {
        if current(cut) == Some(Cut::WhenTold) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

fn current(cut: &Mutex<Option<Cut>>) -> Option<Cut> {
    *cut.lock().expect("no panic holds the cut")
}
