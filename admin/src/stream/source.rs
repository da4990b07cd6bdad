//! JSON on the command line: given as it is, in a file, or on standard input.

use annals_runner::cli::Failure;

use std::io::Read;
use std::str::FromStr;

/// Where JSON comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Given(String),
    File(String),
    StandardInput,
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match (text, text.strip_prefix('@')) {
            ("-", _) => Self::StandardInput,
            (_, Some(path)) => Self::File(path.to_owned()),
            (json, None) => Self::Given(json.to_owned()),
        })
    }
}

impl Source {
    /// Reads the text; `option` is named when it cannot be read.
    pub(super) async fn read(&self, option: &str) -> Result<String, Failure> {
        let (place, read) = match self.clone() {
            Self::Given(json) => return Ok(json),
            Self::File(path) => (path.clone(), tokio::task::spawn_blocking(|| std::fs::read_to_string(path))),
            Self::StandardInput => {
                ("standard input".to_owned(), tokio::task::spawn_blocking(read_standard_input))
            }
        };
        let text = read.await.map_err(Failure::failed)?;
        // The line break at the end of a file belongs to the file.
        text.map(|text| text.trim().to_owned())
            .map_err(|error| Failure::usage(format!("{option}: cannot read {place}: {error}")))
    }
}

fn read_standard_input() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}
