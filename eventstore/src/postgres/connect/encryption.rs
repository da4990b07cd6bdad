//! How much encryption a connection must have: libpq's `sslmode`, `sslrootcert` and `sslnegotiation`.

use std::path::PathBuf;

use super::conninfo::Pairs;
use super::error::InvalidConnectOptions;

/// libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SslMode {
    /// Never.
    Disable,
    /// Only where the server refuses a plain connection.
    Allow,
    /// Where the server can; otherwise plain.
    Prefer,
    /// Always; the server's certificate is looked at only when root certificates are given.
    Require,
    /// Always, with a certificate that the root certificates vouch for.
    VerifyCa,
    /// Always, with a certificate that the root certificates vouch for and that names the host.
    VerifyFull,
}

impl SslMode {
    fn parse(text: &str) -> Result<Self, InvalidConnectOptions> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                let modes = "disable, allow, prefer, require, verify-ca or verify-full";
                return Err(InvalidConnectOptions::value("sslmode", modes));
            }
        })
    }

    /// The word of the connection string.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Who may vouch for the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RootCertificates {
    /// Not said: `~/.postgresql/root.crt` when there is one, else the system's where they are needed.
    Default,
    /// `sslrootcert=system`.
    System,
    /// `sslrootcert=PATH`, in PEM.
    File(PathBuf),
}

/// What a connection string says about encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encryption {
    pub(super) mode: SslMode,
    pub(super) roots: RootCertificates,
    /// `sslnegotiation=direct`: TLS from the first byte, which PostgreSQL 17 and later take.
    pub(super) direct: bool,
}

impl Encryption {
    /// Takes its options out of a connection string.
    pub(super) fn take(pairs: &mut Pairs) -> Result<Self, InvalidConnectOptions> {
        let mode = pairs.take("sslmode").map(|mode| SslMode::parse(&mode)).transpose()?;
        let roots = match pairs.take("sslrootcert") {
            None => RootCertificates::Default,
            Some(word) if word == "system" => RootCertificates::System,
            Some(path) => RootCertificates::File(path.into()),
        };
        let direct = match pairs.take("sslnegotiation").as_deref() {
            None | Some("postgres") => false,
            Some("direct") => true,
            Some(_) => return Err(InvalidConnectOptions::value("sslnegotiation", "postgres or direct")),
        };
        let system = roots == RootCertificates::System;
        let mode = mode.unwrap_or(if system { SslMode::VerifyFull } else { SslMode::Prefer });
        Self { mode, roots, direct }.checked()
    }

    fn checked(self) -> Result<Self, InvalidConnectOptions> {
        let mode = self.mode.as_str();
        if cfg!(not(feature = "tls")) && (self.mode >= SslMode::Require || self.direct) {
            return Err(InvalidConnectOptions::TlsNotBuiltIn { mode });
        }
        // Anybody can buy a certificate for a host of their own: the name must be looked at.
        if self.roots == RootCertificates::System && self.mode < SslMode::VerifyFull {
            return Err(InvalidConnectOptions::WeakMode {
                mode,
                option: "sslrootcert=system",
                least: "verify-full",
            });
        }
        if self.direct && self.mode < SslMode::Require {
            return Err(InvalidConnectOptions::WeakMode {
                mode,
                option: "sslnegotiation=direct",
                least: "require",
            });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Encryption, InvalidConnectOptions> {
        Encryption::take(&mut Pairs::parse(text).unwrap())
    }

    #[test]
    fn without_a_word_encryption_is_preferred() {
        assert_eq!(read("").unwrap().mode, SslMode::Prefer);
        assert_eq!(read("sslmode=allow").unwrap().mode, SslMode::Allow);
        assert!(read("sslmode=preferred").is_err());
    }

    #[cfg(feature = "tls")]
    #[test]
    fn system_roots_ask_for_full_verification_and_take_nothing_less() {
        assert_eq!(read("sslrootcert=system").unwrap().mode, SslMode::VerifyFull);
        let refused = read("sslrootcert=system sslmode=require").expect_err("too weak");
        assert!(matches!(refused, InvalidConnectOptions::WeakMode { mode: "require", .. }));
        assert!(read("sslnegotiation=direct").is_err());
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_build_without_tls_says_so_instead_of_connecting_in_the_clear() {
        for text in ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full", "sslrootcert=system"] {
            let refused = read(text).expect_err(text);
            assert!(matches!(refused, InvalidConnectOptions::TlsNotBuiltIn { .. }), "{text}: {refused}");
            assert!(refused.to_string().contains("feature `tls`"));
        }
    }
}
