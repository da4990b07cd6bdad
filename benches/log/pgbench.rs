//! Is the floor low enough? Its own loop against pgbench, with the same INSERT and as many clients.
//!
//! A floor that a slow client held up would flatter every scenario above it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::Outcome;
use crate::bench::Bench;
use crate::contest::{self, Contest};
use crate::crew::{Crew, Side, Slice, Working};
use crate::floor::{Inserter, Rows};
use crate::machine::Machine;
use crate::sample::{DATA, EVENT_TYPE, Sample};

/// The floor's INSERT; every value is a parameter, as in the floor's own statement.
const SCRIPT: &str = "\
\\set version :version + 1
\\set stream_id :first_stream + :client_id
insert into floor.events (stream_id, version, event_id, event_type, schema_version, data, metadata)
values (:stream_id, :version, :event_id, :event_type, :schema_version, :data, null);
";

/// Streams of each run of pgbench: their versions begin anew.
const STREAMS_APART: i64 = 1 << 20;

/// Measures the floor against pgbench when that is asked for; returns how many checks had to be skipped.
pub(crate) async fn run(bench: &Bench, connections: usize) -> Outcome<usize> {
    let Bench { server, options, report } = bench;
    let name = format!("floor-vs-pgbench/{connections}");
    if !options.names(&name) {
        return Ok(0);
    }
    let program = server.server().binaries().and_then(|binaries| binaries.program("pgbench"));
    let (Some(program), Some(socket)) = (program, server.server().socket_dir()) else {
        report.skipped(&name, "there is no pgbench beside the server's programs");
        return Ok(1);
    };
    let database_name = format!("floor_{connections}");
    let database = server.database(&database_name, options).await?;
    let script = socket.with_file_name("pgbench.sql");
    std::fs::write(&script, SCRIPT)?;
    let pgbench =
        Pgbench { program, socket: socket.to_owned(), database: database_name, script, connections, runs: 0 };
    let clients = database.clients(connections).await?;
    let floor = Crew(Inserter::crew(&clients, Rows::OneStream, 1).await?);
    let mut contests = [Contest::new(name, floor, pgbench)];
    contest::run(&mut contests, bench).await?;
    for contest in &contests {
        let (floor, pgbench) = contest.events();
        database.require("floor.events", floor + pgbench).await?;
        report.verdict(&contest.verdict());
    }
    Ok(0)
}

struct Pgbench {
    program: PathBuf,
    socket: PathBuf,
    database: String,
    script: PathBuf,
    connections: usize,
    runs: i64,
}

impl Side for Pgbench {
    fn work(&mut self, length: Duration) -> Working<'_> {
        Box::pin(async move {
            self.runs += 1;
            let output = self.command(length).output().await?;
            let said = String::from_utf8_lossy(&output.stdout);
            let numbers = (number_behind(&said, "actually processed: "), number_behind(&said, "tps = "));
            let (true, (Some(events), Some(rate))) = (output.status.success(), numbers) else {
                return Err(format!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr)).into());
            };
            let elapsed = Duration::try_from_secs_f64(events / rate)?;
            Ok(Slice { elapsed, events: events as u64, ..Slice::default() })
        })
    }

    fn is_metered(&self) -> bool {
        false
    }
}

impl Pgbench {
    fn command(&self, length: Duration) -> Command {
        let threads = self.connections.min(Machine::cores());
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=prepared", "--username=annals"]);
        command.arg(format!("--time={}", length.as_secs_f64().ceil()));
        command.arg(format!("--client={}", self.connections)).arg(format!("--jobs={threads}"));
        command.arg("--host").arg(&self.socket).arg("--file").arg(&self.script);
        for (name, value) in [
            ("first_stream", (self.runs * STREAMS_APART).to_string()),
            ("version", "0".to_owned()),
            ("event_id", Sample::id().to_string()),
            ("event_type", EVENT_TYPE.to_owned()),
            ("schema_version", "1".to_owned()),
            ("data", DATA.to_owned()),
        ] {
            command.arg(format!("--define={name}={value}"));
        }
        command.arg(&self.database).stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// Reads the number behind a label of pgbench's summary.
fn number_behind(text: &str, label: &str) -> Option<f64> {
    text.split_once(label)?.1.split([' ', '\n', '/']).next()?.parse().ok()
}
