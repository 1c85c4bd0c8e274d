//! The origin as a child process: this executable once more, ended with its parent by whatever ends that.
//!
//! Knows starting, the line that says the address, and reaping. Refuses to know what the origin does.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{self, ChildStdout, Command, Stdio};

use super::{CHILD_VARIABLE, LOOPBACK, parse_announcement};

/// An announcement is shorter than this; who says more says something else.
const MOST_LINE_BYTES: u64 = 256;

/// A demo origin in a process of its own. Dropping it ends the process.
///
/// The child reads its standard input to the end and then goes home. We hold the other end of that pipe and never
/// write, so the child goes away even when we are killed and no destructor runs.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    addr: SocketAddr,
    /// Kept open, so that a late word of the child's is not its death by SIGPIPE.
    _stdout: ChildStdout,
}

impl Child {
    /// Starts `greenfetch demo --serve` on a free port of the loopback and waits until it listens.
    ///
    /// # Errors
    /// What the system said, or that the child did not say where it listens.
    pub fn start() -> io::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["demo", "--serve", &LOOPBACK.to_string()]).env(CHILD_VARIABLE, "1");
        Child::start_command(command)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn start_command(mut command: Command) -> io::Result<Child> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // A group of its own: Ctrl-C is ours to handle, and the origin must not vanish under what we are cancelling.
        command.process_group(0);
        let mut process = command.spawn()?;
        let stdout = process.stdout.take();
        match read_announcement(stdout) {
            Ok((addr, stdout)) => Ok(Child { process, addr, _stdout: stdout }),
            Err(error) => {
                end(&mut process);
                Err(error)
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Kills and reaps. It may have ended by itself, so errors say nothing.
fn end(process: &mut process::Child) {
    let _ = process.kill();
    let _ = process.wait();
}

fn read_announcement(stdout: Option<ChildStdout>) -> io::Result<(SocketAddr, ChildStdout)> {
    let mut stdout = stdout.ok_or_else(|| io::Error::other("the demo origin has no standard output"))?;
    let mut line = String::new();
    BufReader::new((&mut stdout).take(MOST_LINE_BYTES)).read_line(&mut line)?;
    match parse_announcement(&line) {
        Some(addr) => Ok((addr, stdout)),
        None if line.is_empty() => Err(io::Error::other("the demo origin ended before it listened")),
        None => Err(io::Error::other(format!("the demo origin said {line:?} in place of its address"))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn shell(script: &str) -> io::Result<Child> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Child::start_command(command)
    }

    #[test]
    fn a_child_is_asked_for_its_address_and_reaped_when_dropped() {
        let child = shell("echo demo origin at http://127.0.0.1:4711; exec cat").unwrap();
        assert_eq!(child.addr(), "127.0.0.1:4711".parse().unwrap());
        let process = PathBuf::from(format!("/proc/{}", child.process.id()));
        assert!(process.exists());
        drop(child);
        assert!(!process.exists());
    }

    #[test]
    fn a_child_that_does_not_say_its_address_is_an_error() {
        for (script, said) in [
            ("exit 1", "the demo origin ended before it listened"),
            ("echo hello", "the demo origin said \"hello\\n\" in place of its address"),
            ("printf '\\033[2J'", "the demo origin said \"\\u{1b}[2J\" in place of its address"),
        ] {
            assert_eq!(shell(script).unwrap_err().to_string(), said);
        }
        assert!(shell("yes | tr -d '\\n'").unwrap_err().to_string().len() < 400, "a flood is cut short");
    }
}
