//! Messages of PostgreSQL's protocol: a letter, a length, the rest. The first one of a client has no letter.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

pub(super) const EXECUTE: u8 = b'E';
pub(super) const SYNC: u8 = b'S';
pub(super) const DATA_ROW: u8 = b'D';
pub(super) const COMMAND_COMPLETE: u8 = b'C';
pub(super) const READY_FOR_QUERY: u8 = b'Z';

/// Reads one message, whole; returns its letter and all its bytes.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<u8> {
    let letter = from.read_u8().await?;
    bytes.clear();
    bytes.push(letter);
    read_rest(from, bytes).await?;
    Ok(letter)
}

/// Reads the message with which a client begins.
pub(super) async fn read_first(from: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    read_rest(from, bytes).await
}

/// Reads a length, which counts itself, and what it announces.
async fn read_rest(from: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<()> {
    let length = from.read_u32().await?;
    bytes.extend_from_slice(&length.to_be_bytes());
    let begin = bytes.len();
    bytes.resize(begin + length as usize - 4, 0);
    from.read_exact(&mut bytes[begin..]).await?;
    Ok(())
}
