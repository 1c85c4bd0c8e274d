//! Python's http.server: HTTP/1.0, which ends each answer with its connection.

use super::*;

/// It takes its port itself and says which.
pub(super) fn start() -> Server {
    use std::io::{BufRead as _, BufReader};
    let dir = folder();
    let mut command = Command::new("python3");
    command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]);
    command.arg(dir.path().join("www")).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("apt-get install python3 is needed");
    let stdout = child.stdout.take().expect("a pipe");
    let mut server = Server { child, port: 0, tls: 0, dir };
    let line = BufReader::new(stdout).lines().map_while(Result::ok).find(|line| line.contains(" port "));
    let line = line.expect("a line that says where it listens");
    let port = line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next());
    server.port = port.and_then(|port| port.parse().ok()).expect("a port");
    server
}

#[test]
#[ignore = "needs python3: just servers"]
fn a_server_which_closes_after_each_answer_gives_the_same_lines_in_every_mode() {
    // Its backlog is 5: a connection that finds it full is tried again by the system a second or three later.
    start().files(1).assert_pass_in_every_mode("6");
}
