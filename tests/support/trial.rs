//! The two halves of a chain that no test sees: how a run is set up, and how it is judged.

use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::*;

impl Greenfetch {
    /// Starts it in one mode.
    pub(super) fn start(&self, mode: Mode) -> Running {
        let (mut command, said, dir) = self.prepare(mode);
        command.stdin(match self.input {
            Input::Nothing => Stdio::null(),
            Input::Bytes(_) | Input::Open => Stdio::piped(),
        });
        command.stdout(self.output()).stderr(Stdio::piped());
        let bytes = if let Input::Bytes(bytes) = &self.input { Some(bytes.clone()) } else { None };
        Running::start(command, said, bytes, dir)
    }

    /// The command but for its streams, how one would type it, and where it runs.
    pub(super) fn prepare(&self, mode: Mode) -> (Command, String, TempDir) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (name, bytes) in &self.files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a temporary folder");
            std::fs::write(path, bytes).expect("a temporary file");
        }
        let args = self.command_line(mode);
        let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let said = format!("greenfetch {}", words.join(" "));
        let mut command = self.program(dir.path());
        command.args(args).current_dir(dir.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        (command, said, dir)
    }

    fn command_line(&self, mode: Mode) -> Vec<OsString> {
        let quiet: Mode = if self.is_quiet { &["-q"] } else { &[] };
        let ours = mode.iter().chain(quiet).map(OsString::from);
        self.args.iter().cloned().chain(ours).chain(self.operands.iter().cloned()).collect()
    }

    fn program(&self, dir: &Path) -> Command {
        let greenfetch = env!("CARGO_BIN_EXE_greenfetch");
        let limits: Vec<String> = [
            self.n_descriptors.map(|n| format!("ulimit -n {n}")),
            self.n_soft_descriptors.map(|n| format!("ulimit -S -n {n}")),
            self.largest_file.map(|n| format!("trap '' XFSZ && ulimit -f {n}")),
            self.address_space.map(|n| format!("ulimit -v {}", n >> 10)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if let Some(n) = self.n_threads {
            return as_a_user(dir, greenfetch, n);
        }
        if limits.is_empty() {
            // A script in the background ignores SIGINT, and what it starts keeps to that: here nobody does.
            let mut command = Command::new("env");
            command.args(["--default-signal=INT,TERM,HUP,PIPE", greenfetch]);
            return command;
        }
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{} && exec \"$0\" \"$@\"", limits.join(" && ")), greenfetch]);
        command
    }

    fn output(&self) -> Stdio {
        let path = match &self.output {
            Output::Heard => return Stdio::piped(),
            Output::Unread => return std::io::pipe().expect("a pipe").1.into(),
            Output::File(path) => path,
        };
        let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).open(path);
        file.expect("a file to write to").into()
    }

    /// Panics with the whole story when something is not as it should be.
    pub(super) fn judge(&self, finished: &Finished, end: (Option<i32>, Option<i32>), dir: &Path) {
        let mut complaints = Vec::new();
        for (name, text, expectations) in
            [("stdout", &finished.stdout, &self.stdout), ("stderr", &finished.stderr, &self.stderr)]
        {
            let settled = settle(text, dir);
            let found = expectations.iter().filter_map(|expectation| {
                let text = if expectation.wants_it_raw() { text } else { &settled };
                expectation.complaint(text, self.is_ordered)
            });
            let found = found.chain(blemish(text, self.is_coloured));
            complaints.extend(found.map(|text| format!("{name}: {text}")));
        }
        if (finished.status, finished.signal) != end {
            complaints.push(format!("expected the status and signal {end:?}"));
        }
        assert!(complaints.is_empty(), "{}\n{}", complaints.join("\n"), finished.story);
    }
}

/// Numbers that no user of this machine is likely to have begin here.
const USERS: u32 = 1_000_000;

/// A user whose threads nobody else counts among his: one for each run, of this process and of others.
fn a_user() -> String {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    (USERS + std::process::id() % (1 << 22) * 64 + RUNS.fetch_add(1, Ordering::Relaxed) % 64).to_string()
}

/// The limit of threads does not hold for root, who is somebody else for this once; the program goes where that one may
/// read it.
fn as_a_user(dir: &Path, program: &str, n_threads: u32) -> Command {
    use std::os::unix::fs::PermissionsExt as _;
    let nproc = format!("--nproc={n_threads}");
    if !sys::is_root() {
        let mut command = Command::new("prlimit");
        command.args([&nproc, program]);
        return command;
    }
    let ours = dir.join("greenfetch");
    // Not written by ourselves: a process that another test starts meanwhile would have it open for writing until it
    // begins, and what is open for writing cannot be run.
    let linked = std::fs::hard_link(program, &ours);
    let is_there = linked.is_ok()
        || Command::new("cp").arg(program).arg(&ours).status().is_ok_and(|copied| copied.success());
    assert!(is_there, "{program} cannot be copied to {}", ours.display());
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).expect("a folder of our own");
    let (mut command, user) = (Command::new("setpriv"), a_user());
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "prlimit", &nproc]).arg(ours);
    command
}
