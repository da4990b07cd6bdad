//! Where pages are.

use std::net::SocketAddr;
use std::str::FromStr;

/// An address to listen on, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpPlace {
    /// A host or an address, with a port.
    At(String),
    Off,
}

/// Something that is no place.
#[derive(Debug, thiserror::Error)]
#[error("an address with a port, such as 127.0.0.1:9100, or off")]
pub(crate) struct InvalidPlace;

impl FromStr for HttpPlace {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        match text.rsplit_once(':') {
            _ if text == "off" => Ok(Self::Off),
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self::At(text.to_owned()))
            }
            _ => Err(InvalidPlace),
        }
    }
}

/// Returns the URL of what listens on an address. All addresses of a machine are told as its name (`HOSTNAME`).
pub(crate) fn url_of(address: SocketAddr) -> String {
    match std::env::var("HOSTNAME") {
        Ok(host) if address.ip().is_unspecified() => format!("http://{host}:{}", address.port()),
        _ => format!("http://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_with_a_port_or_off() {
        let at = |text: &str| HttpPlace::At(text.to_owned());
        for text in ["127.0.0.1:9100", "[::1]:0", "localhost:80"] {
            assert_eq!(text.parse::<HttpPlace>().unwrap(), at(text));
        }
        assert_eq!("off".parse::<HttpPlace>().unwrap(), HttpPlace::Off);
        for text in ["", "9100", ":9100", "127.0.0.1", "127.0.0.1:many", "on"] {
            assert!(text.parse::<HttpPlace>().is_err(), "{text}");
        }
    }
}
