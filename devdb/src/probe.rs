//! Asks a socket whether a PostgreSQL takes connections there, without driver and runtime.
//!
//! A start packet is sent and the answer read up to "ready for query"; a connect alone would also succeed while
//! the server is still recovering. Takes about 2 ms.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use crate::{home::SOCKET, version::PostgresVersion};

const PATIENCE: Duration = Duration::from_secs(5);
/// The superuser of every cluster of ours.
pub(crate) const USER: &str = "annals";
/// The database that is always there.
pub(crate) const MAINTENANCE: &str = "postgres";

/// What a socket answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Connections are taken. The version is missing when all of them are taken already.
    Ready(Option<PostgresVersion>),
    /// A server is there, but starts up or shuts down.
    Busy,
    /// Nobody is there.
    Silent,
}

/// Asks the socket in this folder.
pub(crate) fn ask(folder: &Path) -> Answer {
    let Ok(stream) = UnixStream::connect(folder.join(SOCKET)) else { return Answer::Silent };
    // A server that was reached but breaks off is going away.
    converse(stream).unwrap_or(Answer::Busy)
}

fn converse(mut stream: UnixStream) -> io::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&start_packet())?;
    let mut version = None;
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]).saturating_sub(4);
        let mut body = vec![0; usize::try_from(length.min(1 << 16)).unwrap_or_default()];
        stream.read_exact(&mut body)?;
        match head[0] {
            b'S' => version = version.or_else(|| server_version(&body)),
            // The end, said politely: terminate.
            b'Z' => return stream.write_all(&[b'X', 0, 0, 0, 4]).map(|()| Answer::Ready(version)),
            b'E' if sqlstate(&body) == Some("57P03") => return Ok(Answer::Busy),
            b'E' => return Ok(Answer::Ready(None)),
            _ => {}
        }
    }
}

fn start_packet() -> Vec<u8> {
    let parameters = format!("user\0{USER}\0database\0{MAINTENANCE}\0\0");
    let length = u32::try_from(8 + parameters.len()).expect("two short names");
    let protocol: u32 = 3 << 16;
    [&length.to_be_bytes(), &protocol.to_be_bytes(), parameters.as_bytes()].concat()
}

fn server_version(body: &[u8]) -> Option<PostgresVersion> {
    let mut parts = body.split(|byte| *byte == 0);
    (parts.next()? == b"server_version")
        .then(|| std::str::from_utf8(parts.next()?).ok()?.parse().ok())
        .flatten()
}

fn sqlstate(body: &[u8]) -> Option<&str> {
    body.split(|byte| *byte == 0).find_map(|field| std::str::from_utf8(field.strip_prefix(b"C")?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_answers_where_no_socket_is() {
        assert_eq!(ask(Path::new("/nowhere/at/all")), Answer::Silent);
    }

    #[test]
    fn version_and_sqlstate_are_read_from_their_messages() {
        assert_eq!(server_version(b"server_version\x0015.18 (Debian)\0"), Some(PostgresVersion::new(15, 18)));
        assert_eq!(server_version(b"TimeZone\0UTC\0"), None);
        assert_eq!(sqlstate(b"SFATAL\0VFATAL\0C57P03\0Mstarting up\0\0"), Some("57P03"));
    }
}
