//! The walk-through of `docs/guide/running.md` is carried out as it stands there: psql and the binary, nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use annals_devdb::{Profile, Server, TestFailure, TestResult};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{Log, SOON, finished, workspace};

/// A block of commands, with what they print where the page shows it.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    commands: String,
    prints: Option<String>,
    /// It only looks: whoever comes too early looks again.
    is_look: bool,
}

/// Takes the blocks `sh` out of a section of a page. A block `text` behind one shows what it prints.
fn blocks(page: &str, section: &str) -> Vec<Block> {
    let section = page.split("\n## ").find(|part| part.starts_with(section)).unwrap_or_default();
    let mut blocks: Vec<Block> = Vec::new();
    for fenced in section.split("\n```").skip(1).step_by(2) {
        let (kind, text) = fenced.split_once('\n').unwrap_or((fenced, ""));
        let text = format!("{text}\n");
        match kind {
            "sh" | "sh look" => blocks.push(Block { commands: text, prints: None, is_look: kind != "sh" }),
            "text" => {
                if let Some(block) = blocks.last_mut() {
                    block.prints = Some(text);
                }
            }
            _ => {}
        }
    }
    blocks
}

/// Carries out files `1.sh`, `2.sh`, … in one shell, and compares what each prints with `1.expected`, …
const SCRIPT: &str = r#"
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
attempt() {
  source "$BLOCKS/$1.sh" >"$BLOCKS/$1.out" || return
  [[ ! -f $BLOCKS/$1.expected ]] || diff <(sed 's/ *$//' "$BLOCKS/$1.out") "$BLOCKS/$1.expected" >"$BLOCKS/$1.diff"
}
for ((n = 1; n <= COUNT; n++)); do
  if [[ -f $BLOCKS/$n.look ]]; then
    for _ in {1..60}; do attempt "$n" && continue 2; sleep 0.1; done
  else
    attempt "$n" && continue
  fi
  echo "block $n does not print what the page shows:"; cat "$BLOCKS/$n.sh" "$BLOCKS/$n.diff"; exit 1
done
"#;

/// A folder of files that goes with the test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays behind harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn written(blocks: &[Block]) -> Result<Scratch, TestFailure> {
    let folder = std::env::temp_dir().join(format!("annals-walk-through-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let scratch = Scratch(folder);
    for (n, block) in (1..).zip(blocks) {
        let file = |ending: &str| scratch.0.join(format!("{n}.{ending}"));
        fs::write(file("sh"), &block.commands)?;
        if let Some(prints) = &block.prints {
            fs::write(file("expected"), prints)?;
        }
        if block.is_look {
            fs::write(file("look"), "")?;
        }
    }
    Ok(scratch)
}

/// Finds psql beside the server, or in the PATH.
async fn folder_of_psql() -> Result<Option<PathBuf>, TestFailure> {
    let server = Server::shared(Profile::Test).await?;
    let beside = server.binaries().and_then(|binaries| binaries.program("psql"));
    if let Some(folder) = beside.as_deref().and_then(Path::parent) {
        return Ok(Some(folder.to_owned()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::split_paths(&path).find(|folder| folder.join("psql").is_file()))
}

#[tokio::test]
async fn the_walk_through_does_what_the_page_shows() -> TestResult {
    let Some(psql) = folder_of_psql().await? else {
        println!("skipped: 1 (the_walk_through_does_what_the_page_shows: there is no psql)");
        return Ok(());
    };
    let blocks = blocks(&fs::read_to_string(workspace().join("docs/guide/running.md"))?, "A walk with psql");
    let shown = blocks.iter().filter(|block| block.prints.is_some()).count();
    let (log, files) = (Log::fresh().await?, written(&blocks)?);
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_projection-runner"));
    let beside = binary.parent().ok_or("the binary stands in a folder")?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([beside, psql].into_iter().chain(std::env::split_paths(&path)))?;

    let mut shell = Command::new("bash");
    shell.args(["-c", SCRIPT]).current_dir(workspace()).kill_on_drop(true);
    shell.env("PATH", path).env("DATABASE_URL", log.url()).env("BLOCKS", &files.0);
    shell.env("COUNT", blocks.len().to_string()).env("ANNALS_RUNNER_HTTP", "127.0.0.1:0");
    let walked = timeout(SOON * 2, finished(&mut shell)).await??;

    println!("{} blocks of commands, {shown} with what they print", blocks.len());
    assert!(blocks.len() > 5 && shown > 3, "where are the others?");
    assert_eq!(walked.code, Some(0), "{}\n{}", walked.stdout, walked.stderr);
    Ok(())
}

#[test]
fn blocks_are_those_of_the_section_each_with_what_it_prints() {
    let page = "# A\n\n## One\n\n```sh\nno\n```\n\n## Two\n\n```sh\na\nb\n```\n\nthen\n\n```sh look\nc\n```\n\n```text\n1\n```\n";

    let found = blocks(page, "Two");

    let block = |commands: &str, prints: Option<&str>, is_look| Block {
        commands: commands.to_owned(),
        prints: prints.map(str::to_owned),
        is_look,
    };
    assert_eq!(found, [block("a\nb\n", None, false), block("c\n", Some("1\n"), true)]);
}
