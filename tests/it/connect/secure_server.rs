//! A server of the test's own that listens on TCP, offers TLS and asks for passwords.

use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::{fs, io};

use annals_devdb::{Environment, PrivateServer, Profile, Server, TestFailure};

/// The host that the server's certificate names.
pub(super) const HOST: &str = "db.annals.test";

/// Who may come in how. The first line that fits counts.
const HBA: &str = "\
local     all  all        trust
hostssl   all  encrypted  all trust
hostnossl all  plain      all trust
host      all  guarded    all scram-sha-256
host      all  annals     all trust
";

pub(super) struct SecureServer {
    server: PrivateServer,
    folder: PathBuf,
    address: Ipv4Addr,
}

impl SecureServer {
    /// Starts it with the certificate `certificate.crt` of [`Certificates`].
    pub(super) async fn start(name: &str, certificate: &str) -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-{name}-{}", std::process::id()));
        let address = own_address();
        let mut server = Server::private(Profile::Test, &folder, &[]).await?;
        let roles = "create role encrypted login; create role plain login;
                     create role guarded login password 'open sesame'; create role full login connection limit 0";
        super::client(&server.url("postgres")).await?.batch_execute(roles).await?;

        let data = server.server().data_dir().expect("a server of our own has a folder");
        make_certificates(&folder)?;
        for (from, to) in
            [(format!("{certificate}.crt"), "tls.crt"), (format!("{certificate}.key"), "tls.key")]
        {
            let file = data.join(to);
            fs::copy(folder.join(from), &file)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
            let owner = fs::metadata(&data)?;
            chown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        let hba = data.join("pg_hba.conf");
        fs::write(hba, HBA)?;
        server.stop().await?;
        let mut server = Self { server, folder, address };
        server.restart(true).await?;
        Ok(server)
    }

    /// Starts the server anew, with or without TLS.
    pub(super) async fn restart(&mut self, tls: bool) -> Result<(), TestFailure> {
        self.server.stop().await?;
        let ssl = if tls { "on" } else { "off" };
        self.server.configure(&[
            ("listen_addresses", &self.address.to_string()),
            ("ssl", ssl),
            ("ssl_cert_file", "tls.crt"),
            ("ssl_key_file", "tls.key"),
        ]);
        self.server.start().await?;
        Ok(())
    }

    /// Returns `key=value` options that reach the server under a host name.
    pub(super) fn options(&self, host: &str, more: &str) -> String {
        format!("host={host} hostaddr={} dbname=postgres user=annals {more}", self.address)
    }

    /// Returns `key=value` options that reach the server through its socket.
    pub(super) fn socket_options(&self, more: &str) -> String {
        let folder = self.server.server().socket_dir().expect("a server of our own has a socket");
        format!("host={} dbname=postgres user=annals {more}", folder.display())
    }

    /// Returns the path of one of the files that were made.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for SecureServer {
    fn drop(&mut self) {
        // The server may still write while it goes; what is left then is the system's to clean.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Takes an address of the loopback network that no other test of any process has, since servers of tests
/// all listen on PostgreSQL's own port.
fn own_address() -> Ipv4Addr {
    static TAKEN: AtomicU8 = AtomicU8::new(0);
    let [.., second, third] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, second, third, 1 + TAKEN.fetch_add(1, Ordering::Relaxed))
}

/// True, and a line on standard error, where there can be no server with TLS.
pub(super) async fn skipped_without_tls(test: &str) -> Result<bool, TestFailure> {
    let reason = if !has_openssl() {
        "the program openssl is not installed"
    } else if !has_server_with_tls().await? {
        "this PostgreSQL is built without TLS"
    } else {
        return Ok(false);
    };
    // Written past the test harness, which keeps what passing tests print.
    writeln!(io::stderr(), "skipped: 1 (connect::tls::{test}: {reason})")?;
    Ok(true)
}

fn has_openssl() -> bool {
    let found = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// Asks the shared server, which is started from the same programs as the test's own.
async fn has_server_with_tls() -> Result<bool, TestFailure> {
    let environment = Environment { database_url: None, ..Environment::read() };
    let server = Server::shared_in(Profile::Test, &environment).await?;
    let client = super::client(&server.url("postgres")).await?;
    Ok(!super::ask(&client, "show ssl_library").await?.is_empty())
}

/// Makes `authority.crt` and a certificate `host.crt` by it for [`HOST`]; `selfsigned.crt`, an authority's
/// certificate for [`HOST`]; and `stranger.crt`, an authority that signed nothing.
fn make_certificates(folder: &Path) -> Result<(), TestFailure> {
    let named = format!("subjectAltName=DNS:{HOST}");
    fs::write(folder.join("extensions"), format!("{named}\nbasicConstraints=CA:FALSE\n"))?;
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let authority = |name: &str, more: &[&str]| {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let subject = format!("/CN={name}");
        let fixed = ["-keyout", &key, "-out", &certificate, "-subj", &subject, "-days", "2"];
        openssl(folder, &[&["req", "-x509"], &new_key[..], &fixed, more].concat())
    };
    authority("authority", &[])?;
    authority("stranger", &[])?;
    authority("selfsigned", &["-addext", &named])?;
    let request = ["-keyout", "host.key", "-out", "host.csr", "-subj", "/CN=host"];
    openssl(folder, &[&["req"], &new_key[..], &request].concat())?;
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "host.csr",
            "-CA",
            "authority.crt",
            "-CAkey",
            "authority.key",
            "-CAcreateserial",
            "-extfile",
            "extensions",
            "-out",
            "host.crt",
            "-days",
            "2",
        ],
    )
}

fn openssl(folder: &Path, arguments: &[&str]) -> Result<(), TestFailure> {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
