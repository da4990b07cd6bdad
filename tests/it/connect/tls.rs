//! Encryption: what each `sslmode` accepts and what it refuses.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{ConnectFault, Connected, connect};

use super::secure_server::{HOST, SecureServer, skipped_without_tls};
use super::{ask, client};

/// Connects and tells whether the connection is encrypted.
async fn encrypted(options: &str) -> Result<bool, TestFailure> {
    let client = client(options).await?;
    let question = "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()";
    Ok(ask(&client, question).await? == "true")
}

async fn refused(options: &str) -> Result<ConnectFault, TestFailure> {
    Ok(connect(&options.parse()?).await.expect_err(options).fault)
}

#[tokio::test]
async fn verify_full_wants_a_certificate_that_is_vouched_for_and_names_the_host() -> TestResult {
    if skipped_without_tls("verify_full_wants_a_certificate_that_is_vouched_for_and_names_the_host").await? {
        return Ok(());
    }
    let server = SecureServer::start("verify", "host").await?;
    let roots = |name: &str| format!("sslrootcert={}", server.file(name).display());
    let (authority, stranger) = (roots("authority.crt"), roots("stranger.crt"));

    let with = |host: &str, mode: &str, roots: &str| server.options(host, &format!("sslmode={mode} {roots}"));

    assert!(encrypted(&with(HOST, "verify-full", &authority)).await?);
    assert!(encrypted(&with("other.annals.test", "verify-ca", &authority)).await?);
    assert!(encrypted(&with("other.annals.test", "require", &authority)).await?);
    for distrusted in [
        with("other.annals.test", "verify-full", &authority),
        with(HOST, "verify-full", &stranger),
        with(HOST, "verify-ca", &stranger),
        with(HOST, "require", &stranger),
        with(HOST, "verify-full", "sslrootcert=system"),
    ] {
        let fault = refused(&distrusted).await?;
        assert!(matches!(fault, ConnectFault::TlsRefused(_)), "{distrusted}: {fault:?}");
        assert!(!fault.is_transient());
    }
    let fault = refused(&with(HOST, "verify-full", &roots("missing.crt"))).await?;
    assert!(matches!(fault, ConnectFault::RootCertificates { .. }), "{fault:?}");
    Ok(())
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_where_it_is_given_and_nowhere_else() -> TestResult {
    if skipped_without_tls("a_self_signed_certificate_is_trusted_where_it_is_given_and_nowhere_else").await? {
        return Ok(());
    }
    let server = SecureServer::start("selfsigned", "selfsigned").await?;
    let with = |host: &str, roots: &str| {
        server.options(host, &format!("sslmode=verify-full sslrootcert={}", server.file(roots).display()))
    };

    assert!(encrypted(&with(HOST, "selfsigned.crt")).await?);
    assert!(matches!(
        refused(&with("other.annals.test", "selfsigned.crt")).await?,
        ConnectFault::TlsRefused(_)
    ));
    assert!(matches!(refused(&with(HOST, "stranger.crt")).await?, ConnectFault::TlsRefused(_)));
    Ok(())
}

#[tokio::test]
async fn each_sslmode_is_as_encrypted_as_the_server_and_the_mode_allow() -> TestResult {
    if skipped_without_tls("each_sslmode_is_as_encrypted_as_the_server_and_the_mode_allow").await? {
        return Ok(());
    }
    let mut server = SecureServer::start("modes", "host").await?;
    let with = |server: &SecureServer, user: &str, mode: &str| {
        server.options(HOST, &format!("user={user} sslmode={mode}"))
    };

    for (user, mode, expected) in [
        ("annals", "disable", false),
        ("annals", "allow", false),
        ("annals", "prefer", true),
        ("annals", "require", true),
        ("encrypted", "allow", true),
        ("plain", "prefer", false),
    ] {
        assert_eq!(encrypted(&with(&server, user, mode)).await?, expected, "{user} {mode}");
    }
    for (user, mode) in [("plain", "require"), ("encrypted", "disable")] {
        let fault = refused(&with(&server, user, mode)).await?;
        assert!(matches!(fault, ConnectFault::AuthenticationFailed { .. }), "{user} {mode}: {fault:?}");
    }
    let distrusted = format!("sslmode=prefer sslrootcert={}", server.file("stranger.crt").display());
    assert!(!encrypted(&server.options(HOST, &distrusted)).await?, "libpq falls back, too");

    server.restart(false).await?;

    for mode in ["disable", "allow", "prefer"] {
        assert!(!encrypted(&with(&server, "annals", mode)).await?, "{mode}");
    }
    let fault = refused(&with(&server, "annals", "require")).await?;
    assert!(matches!(fault, ConnectFault::TlsNotOffered(_)), "{fault:?}");
    Ok(())
}

#[tokio::test]
async fn a_password_is_taken_from_its_file_and_bound_to_the_encrypted_channel() -> TestResult {
    if skipped_without_tls("a_password_is_taken_from_its_file_and_bound_to_the_encrypted_channel").await? {
        return Ok(());
    }
    let server = SecureServer::start("password", "host").await?;
    let passfile = server.file("passfile");
    let write = |lines: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(&passfile, lines)?;
        std::fs::set_permissions(&passfile, std::fs::Permissions::from_mode(0o600))
    };
    let guarded =
        |more: &str| server.options(HOST, &format!("user=guarded passfile={} {more}", passfile.display()));

    write(&format!("elsewhere:*:*:*:wrong\n{HOST}:5432:postgres:guarded:open sesame\n"))?;
    assert!(encrypted(&guarded("sslmode=require channel_binding=require")).await?);
    assert!(!encrypted(&guarded("sslmode=disable")).await?);
    assert!(encrypted(&guarded("password='open sesame' sslmode=prefer")).await?);

    write("*:*:*:*:wrong\n")?;
    for more in ["sslmode=disable", "password=shut sslmode=require", "sslmode=disable passfile=/dev/null"] {
        let failed = connect(&guarded(more).parse()?).await.expect_err(more);
        assert!(
            matches!(&failed.fault, ConnectFault::AuthenticationFailed { user, .. } if user == "guarded")
        );
        assert!(!format!("{failed} {failed:?}").contains("shut"));
    }
    Ok(())
}

#[tokio::test]
async fn a_listener_hears_notifications_through_tls() -> TestResult {
    if skipped_without_tls("a_listener_hears_notifications_through_tls").await? {
        return Ok(());
    }
    let server = SecureServer::start("listener", "host").await?;
    let Connected { client, mut connection } =
        connect(&server.options(HOST, "sslmode=require").parse()?).await?;

    let asked = tokio::spawn(async move {
        client.batch_execute("listen bell; notify bell, 'rung'").await?;
        Ok::<_, tokio_postgres::Error>(client)
    });
    let heard = loop {
        let message = connection.next_message().await.expect("the connection stays open")?;
        if let tokio_postgres::AsyncMessage::Notification(heard) = message {
            break heard;
        }
    };

    assert_eq!((heard.channel(), heard.payload()), ("bell", "rung"));
    tokio::spawn(connection.drive());
    asked.await??;
    Ok(())
}

#[tokio::test]
async fn a_role_without_a_free_connection_is_told_so() -> TestResult {
    if skipped_without_tls("a_role_without_a_free_connection_is_told_so").await? {
        return Ok(());
    }
    let server = SecureServer::start("full", "host").await?;
    let socket = server.socket_options("user=full");

    let failed = connect(&socket.parse()?).await.expect_err("there is no connection for it");

    assert!(matches!(failed.fault, ConnectFault::TooManyConnections(_)), "{failed:?}");
    assert!(failed.is_transient());
    Ok(())
}
