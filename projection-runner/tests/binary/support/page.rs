//! Asking for pages, as a probe does.

use std::time::Duration;

use annals_devdb::TestFailure;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::SOON;

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn json(&self) -> Result<Value, TestFailure> {
        Ok(serde_json::from_str(&self.body)?)
    }

    /// Returns the reason of the first check that does not hold.
    pub(crate) fn first_reason(&self) -> Result<String, TestFailure> {
        let page = self.json()?;
        let checks = page["checks"].as_array().ok_or("the page has checks")?;
        let failed = checks.iter().find(|check| check["ok"] == false);
        Ok(failed.and_then(|check| check["reason"].as_str()).unwrap_or_default().to_owned())
    }
}

/// Asks for a page once.
pub(crate) async fn get(http: &str, path: &str) -> Result<Page, TestFailure> {
    timeout(SOON, async {
        let place = http.strip_prefix("http://").ok_or("the runner has pages")?;
        let mut stream = TcpStream::connect(place).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {place}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer has a head")?;
        let status = head.split(' ').nth(1).ok_or("an answer has a status")?.parse()?;
        Ok(Page { status, head: head.to_owned(), body: body.to_owned() })
    })
    .await?
}

/// Asks for a page again and again until it has a status.
pub(crate) async fn ask(http: &str, path: &str, status: u16) -> Result<Page, TestFailure> {
    let begun = tokio::time::Instant::now();
    loop {
        let page = get(http, path).await?;
        if page.status == status {
            return Ok(page);
        }
        if begun.elapsed() > SOON {
            return Err(format!("{path} does not come to {status}: {page:?}").into());
        }
        sleep(Duration::from_millis(20)).await;
    }
}
