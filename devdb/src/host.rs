//! Who and where this process is: its user, its boot, its process namespace.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
    sync::LazyLock,
};

use sha2::{Digest, Sha256};

/// Returns the effective user id.
pub(crate) fn uid() -> u32 {
    static UID: LazyLock<u32> = LazyLock::new(|| match fs::metadata("/proc/self") {
        Ok(own) => own.uid(),
        // Without /proc: the program says it. An answer that cannot be read is taken for an ordinary user.
        Err(_) => output("id", &["-u"]).and_then(|text| text.trim().parse().ok()).unwrap_or(u32::MAX),
    });
    *UID
}

/// Returns a mark of this boot of this machine, 8 hexadecimal digits.
pub(crate) fn boot() -> &'static str {
    static BOOT: LazyLock<String> = LazyLock::new(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()
            .or_else(|| output("sysctl", &["-n", "kern.boottime"]))
            .unwrap_or_default();
        hashed(&id, 8)
    });
    &BOOT
}

/// Returns a mark of the namespace in which this process's ids are counted, 4 hexadecimal digits.
pub(crate) fn pid_namespace() -> &'static str {
    static NAMESPACE: LazyLock<String> = LazyLock::new(|| {
        let link = fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string());
        hashed(&link.unwrap_or_default(), 4)
    });
    &NAMESPACE
}

/// Returns the first hexadecimal digits of a text's SHA-256.
pub(crate) fn hashed(text: &str, digits: usize) -> String {
    let mut hash = hexadecimal(&Sha256::digest(text.as_bytes()));
    hash.truncate(digits);
    hash
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs a program and returns what it printed, if it succeeded.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
