//! Stops a private server when the process that owns it ends, however it ends.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// A shell that stops the server when our end of its input closes, which the end of our process does.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// Watches from now on; `None` when no shell can be run: the server then outlives a killed process.
    pub(crate) fn over(pid: u32) -> Option<Guard> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "trap '' INT TERM HUP; read -r _; kill -s INT \"$1\"", "sh", &pid.to_string()]);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        shell.current_dir("/").spawn().ok().map(Guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
