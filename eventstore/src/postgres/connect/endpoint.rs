//! Endpoints: where a server may be listening, as it was written and as it is reached.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::error::InvalidConnectOptions;

/// The port of PostgreSQL.
const PORT: u16 = 5432;

/// Where Debian and its kin, and where PostgreSQL's own builds put the server's socket.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// One of the places a connection string names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Endpoint {
    pub(super) host: Host,
    /// The address to use instead of looking the host up (`hostaddr`).
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Host {
    /// None given: the local server's socket, else `localhost`.
    Local,
    /// A name or a numeric address.
    Name(String),
    /// The directory of a Unix socket.
    Socket(PathBuf),
}

/// A place that can be dialled without looking anything up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Socket { directory: PathBuf, port: u16 },
    Tcp { host: String, address: IpAddr, port: u16 },
}

impl Endpoint {
    /// Reads the lists `host`, `hostaddr` and `port`.
    pub(super) fn list(
        hosts: Option<&str>,
        addresses: Option<&str>,
        ports: Option<&str>,
    ) -> Result<Vec<Self>, InvalidConnectOptions> {
        let hosts: Vec<&str> = hosts.map(|list| list.split(',').collect()).unwrap_or_default();
        let addresses: Vec<&str> = addresses.map(|list| list.split(',').collect()).unwrap_or_default();
        let ports: Vec<&str> = ports.map_or(vec![""], |list| list.split(',').collect());
        let count = hosts.len().max(addresses.len()).max(1);
        let uneven = !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len();
        if uneven || (ports.len() != 1 && ports.len() != count) {
            return Err(InvalidConnectOptions::UnevenLists);
        }
        (0..count)
            .map(|index| {
                let port = if ports.len() == 1 { ports[0] } else { ports[index] };
                Ok(Self {
                    host: Host::parse(hosts.get(index).copied().unwrap_or_default()),
                    address: parse_address(addresses.get(index).copied().unwrap_or_default())?,
                    port: parse_port(port)?,
                })
            })
            .collect()
    }

    /// The names under which a password file may know this place.
    pub(super) fn passfile_names(&self) -> Vec<String> {
        match (&self.host, self.address) {
            (Host::Name(name), _) => vec![name.clone()],
            (_, Some(address)) => vec![address.to_string()],
            (Host::Local, None) => vec!["localhost".to_owned()],
            (Host::Socket(directory), None) => vec![directory.display().to_string(), "localhost".to_owned()],
        }
    }

    /// Looks the host up: every address it has, in the resolver's order.
    pub(super) async fn targets(&self) -> std::io::Result<Vec<Target>> {
        let port = self.port;
        if let Some(address) = self.address {
            let host = match &self.host {
                Host::Name(name) => name.clone(),
                Host::Local | Host::Socket(_) => address.to_string(),
            };
            return Ok(vec![Target::Tcp { host, address, port }]);
        }
        match &self.host {
            Host::Socket(directory) => Ok(vec![Target::Socket { directory: directory.clone(), port }]),
            Host::Name(name) => look_up(name, port).await,
            Host::Local => match local_socket(port) {
                Some(directory) => Ok(vec![Target::Socket { directory, port }]),
                None => look_up("localhost", port).await,
            },
        }
    }
}

impl Host {
    fn parse(text: &str) -> Self {
        match text {
            "" => Self::Local,
            path if path.starts_with('/') => Self::Socket(path.into()),
            name => Self::Name(name.to_owned()),
        }
    }
}

async fn look_up(host: &str, port: u16) -> std::io::Result<Vec<Target>> {
    let found = tokio::net::lookup_host((host, port)).await?;
    let targets: Vec<_> =
        found.map(|found| Target::Tcp { host: host.to_owned(), address: found.ip(), port }).collect();
    if targets.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "the host name has no address"));
    }
    Ok(targets)
}

fn local_socket(port: u16) -> Option<PathBuf> {
    let mut directories = SOCKET_DIRECTORIES.iter().map(PathBuf::from);
    directories.find(|directory| socket_file(directory, port).exists())
}

fn socket_file(directory: &Path, port: u16) -> PathBuf {
    directory.join(format!(".s.PGSQL.{port}"))
}

fn parse_address(text: &str) -> Result<Option<IpAddr>, InvalidConnectOptions> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| InvalidConnectOptions::value("hostaddr", "numeric addresses"))
}

fn parse_port(text: &str) -> Result<u16, InvalidConnectOptions> {
    match text.trim() {
        "" => Ok(PORT),
        port => port
            .parse()
            .ok()
            .filter(|&port| port != 0)
            .ok_or(InvalidConnectOptions::value("port", "numbers from 1 to 65535")),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.address) {
            (Host::Name(name), _) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            (Host::Name(name), _) => write!(f, "{name}:{}", self.port),
            (_, Some(address)) => std::net::SocketAddr::new(address, self.port).fmt(f),
            (Host::Local, None) => write!(f, "localhost:{}", self.port),
            (Host::Socket(directory), None) => socket_file(directory, self.port).display().fmt(f),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { directory, port } => socket_file(directory, *port).display().fmt(f),
            Self::Tcp { host, address, port } if *host == address.to_string() => {
                std::net::SocketAddr::new(*address, *port).fmt(f)
            }
            Self::Tcp { host, address, port } => write!(f, "{host}:{port} ({address})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_hosts_addresses_and_ports_belong_together() {
        let endpoints = Endpoint::list(Some("one,/run/pg,"), None, Some("1,,3")).unwrap();
        assert_eq!(
            endpoints,
            [
                Endpoint { host: Host::Name("one".into()), address: None, port: 1 },
                Endpoint { host: Host::Socket("/run/pg".into()), address: None, port: 5432 },
                Endpoint { host: Host::Local, address: None, port: 3 },
            ]
        );
        let both = Endpoint::list(Some("one,two"), Some("127.0.0.1,"), Some("7")).unwrap();
        assert_eq!(both[0].address, Some("127.0.0.1".parse().unwrap()));
        assert!(both.iter().all(|endpoint| endpoint.port == 7));

        assert!(Endpoint::list(Some("one,two"), Some("127.0.0.1"), None).is_err());
        assert!(Endpoint::list(Some("one,two"), None, Some("1,2,3")).is_err());
        assert!(Endpoint::list(Some("one"), None, Some("0")).is_err());
    }

    #[tokio::test]
    async fn an_address_is_used_without_looking_the_host_up() {
        let endpoint = &Endpoint::list(Some("no.such.host.invalid"), Some("127.0.0.1"), None).unwrap()[0];

        let targets = endpoint.targets().await.unwrap();

        assert_eq!(targets[0].to_string(), "no.such.host.invalid:5432 (127.0.0.1)");
    }
}
