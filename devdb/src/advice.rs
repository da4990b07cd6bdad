//! The command that installs PostgreSQL on the system at hand.

use std::fs;

/// Returns the line to type on this system.
pub(crate) fn for_this_system() -> String {
    if cfg!(target_os = "macos") {
        return "install it: brew install postgresql@17".to_owned();
    }
    let release =
        ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| fs::read_to_string(path).ok());
    let root = crate::host::uid() == 0;
    match release.as_deref().and_then(|release| command(release, root)) {
        Some(command) => format!("install it: {command}"),
        None => "install the server package of PostgreSQL 15 or later".to_owned(),
    }
}

/// Returns the command for a system by its `os-release`; `None` for one that is not known.
fn command(release: &str, root: bool) -> Option<String> {
    let field = |name: &str| {
        let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim().trim_matches(['"', '\'']).to_ascii_lowercase())
    };
    let names = format!("{} {}", field("ID").unwrap_or_default(), field("ID_LIKE").unwrap_or_default());
    let (system, package) = names.split_whitespace().find_map(known)?;
    let sudo = if root { "" } else { "sudo " };
    Some(match system {
        Manager::Apt => format!("{sudo}apt-get update && {sudo}apt-get install -y {package}"),
        Manager::Dnf => format!("{sudo}dnf install -y {package}"),
        Manager::Pacman => format!("{sudo}pacman -S --noconfirm {package}"),
        Manager::Apk => format!("{sudo}apk add {package}"),
        Manager::Zypper => format!("{sudo}zypper --non-interactive install {package}"),
    })
}

#[derive(Clone, Copy)]
enum Manager {
    Apt,
    Dnf,
    Pacman,
    Apk,
    Zypper,
}

fn known(id: &str) -> Option<(Manager, &'static str)> {
    Some(match id {
        "debian" | "ubuntu" | "linuxmint" | "raspbian" | "pop" => (Manager::Apt, "postgresql"),
        "fedora" | "rhel" | "centos" | "rocky" | "almalinux" | "amzn" => (Manager::Dnf, "postgresql-server"),
        "arch" | "manjaro" | "endeavouros" => (Manager::Pacman, "postgresql"),
        "alpine" => (Manager::Apk, "postgresql17"),
        "opensuse" | "suse" | "sles" | "opensuse-leap" | "opensuse-tumbleweed" => {
            (Manager::Zypper, "postgresql-server")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_of_systems_gets_its_own_command() {
        let cases = [
            ("ID=debian\n", "apt-get install -y postgresql"),
            (
                "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                "apt-get install -y postgresql",
            ),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf install -y postgresql-server"),
            ("ID=fedora\n", "dnf install -y postgresql-server"),
            ("ID=cachyos\nID_LIKE=arch\n", "pacman -S --noconfirm postgresql"),
            ("ID=alpine\n", "apk add postgresql17"),
            (
                "ID='opensuse-leap'\nID_LIKE='suse opensuse'\n",
                "zypper --non-interactive install postgresql-server",
            ),
        ];
        for (release, ending) in cases {
            let command = command(release, true).unwrap();
            assert!(command.ends_with(ending), "{release}: {command}");
            assert!(!command.contains("sudo"));
        }
    }

    #[test]
    fn an_ordinary_user_is_told_to_use_sudo() {
        assert_eq!(command("ID=alpine", false).unwrap(), "sudo apk add postgresql17");
    }

    #[test]
    fn an_unknown_system_gets_no_command() {
        assert_eq!(command("ID=plan9\n", true), None);
        assert_eq!(command("", true), None);
    }
}
